package config

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/pflag"
)

// Variable is the environment variable of a setting.
func Variable(name string) string {
	return "GATEHOUSE_" + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
}

type chapter struct {
	title string
	flags func(*pflag.FlagSet)
}

// chapters are the settings of the server in the order in which they are told.
var chapters = []chapter{
	{"Where everything is kept", keepFlags},
	{"The APIs", apiFlags},
	{"TLS", tlsFlags},
	{"Who signs in", signInFlags},
	{"Mails", mailFlags},
	{"The audit", auditFlags},
	{"Limits", limitFlags},
	{"Everything else", otherFlags},
}

// Reference is docs/configuration.md: it is written from what the server reads.
func Reference() []byte {
	text := bytes.NewBufferString(`<!-- Written by make generate from internal/config. -->
# Configuration

Each setting is a flag of ` + "`gatehouse serve`" + `, a variable, and a key of the YAML file that ` + "`--config`" + ` (` + "`GATEHOUSE_CONFIG`" + `) names:
the flag without its dashes. Flags win over variables, variables over the file, and the file over the defaults. Whatever is
not a setting, or makes no sense, keeps the server from starting, and it names all faults at once. Several values stand with commas between them, or as a list in the file.

Secrets belong into variables or the file: flags are in the list of processes.
`)
	for _, chapter := range append(slices.Clip(chapters), chapter{"What `gatehouse doctor` looks at besides", BeneathFlags}) {
		flags := pflag.NewFlagSet("", pflag.ContinueOnError)
		flags.SortFlags = false
		chapter.flags(flags)
		fmt.Fprintf(text, "\n## %s\n\n| flag | variable | default | meaning |\n|---|---|---|---|\n", chapter.title)
		flags.VisitAll(func(f *pflag.Flag) {
			fmt.Fprintf(text, "| `--%s` | `%s` | %s | %s |\n", f.Name, Variable(f.Name), shown(f), strings.ReplaceAll(f.Usage, "|", `\|`))
		})
	}
	return text.Bytes()
}

// shown is the default of a flag; that of one without is empty.
func shown(f *pflag.Flag) string {
	if f.DefValue == "" || f.DefValue == "[]" {
		return ""
	}
	return "`" + f.DefValue + "`"
}
