// Command gatehouse is a relationship-based authorization server.
package main

import (
	"context"
	"os"
	_ "time/tzdata" // time zones, also where the machine has none

	"github.com/gatehouse/gatehouse/internal/cli"
)

func main() {
	os.Exit(cli.Run(context.Background(), os.Args[1:], os.Stdout, os.Stderr))
}
