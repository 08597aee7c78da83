package main

import (
	"context"
	"errors"
	"fmt"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/pool"
)

// The exit codes.
const (
	exitDone     = 0
	exitFailed   = 1
	exitMisuse   = 2
	exitNotFound = 3
	exitTimedOut = 4
)

// exitMeanings explains them in the manual.
var exitMeanings = []struct {
	code    int
	meaning string
}{
	{exitDone, "Done."},
	{exitFailed, "Failed."},
	{exitMisuse, "The command line is at fault."},
	{exitNotFound, "What was asked for does not exist."},
	{exitTimedOut, "Nobody answered in time."},
}

// exitError is an error that ends the program with a code of its own.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string { return e.err.Error() }
func (e *exitError) Unwrap() error { return e.err }

// misuse says that the command line is at fault.
func misuse(err error) error { return &exitError{exitMisuse, err} }

func misusef(format string, args ...any) error { return misuse(fmt.Errorf(format, args...)) }

// notFound says that what was asked for does not exist.
func notFound(err error) error { return &exitError{exitNotFound, err} }

// timedOut says that nobody answered in time.
func timedOut(err error) error { return &exitError{exitTimedOut, err} }

// exitCode returns the code that err ends the program with.
func exitCode(err error) int {
	var e *exitError
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &e):
		return e.code
	case errors.Is(err, rserpool.ErrHandle):
		return exitMisuse
	case errors.Is(err, pool.ErrNoElement), errors.Is(err, rserpool.Fail(rserpool.UnknownPoolHandle)):
		return exitNotFound
	case errors.Is(err, pool.ErrNoRegistrar), errors.Is(err, context.DeadlineExceeded):
		return exitTimedOut
	}
	return exitFailed
}
