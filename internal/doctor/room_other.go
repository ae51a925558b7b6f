//go:build !linux

package doctor

import "errors"

// available is not known: each system has a way of its own to ask.
func available(string) (uint64, error) { return 0, errors.ErrUnsupported }
