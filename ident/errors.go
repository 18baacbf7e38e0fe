package ident

import (
	"errors"
	"fmt"
	"io/fs"
)

// Kind is the class of an error: it decides the exit code and what the caller
// may do next.
type Kind uint8

// The kinds of error.
const (
	KindFailure       Kind = iota // an operation failed (exit 1)
	KindUsage                     // the command line or a query is wrong (exit 2)
	KindInvalid                   // a document or value is malformed; it is quarantined
	KindNotFound                  // nothing has that name
	KindLimit                     // a limit on size, depth or count was exceeded
	KindUnsupported               // well-formed, but of a kind that is not handled
	KindRefused                   // a check ran and said no (exit 3)
	KindIndeterminate             // a check could not run (exit 1, class "indeterminate")
)

// Error is what a user reads: a message, a hint how to mend it, and detail for
// the operator. Only Message is required.
type Error struct {
	Kind    Kind
	Message string // one sentence, no trailing period, names the object
	Hint    string // what to type or change; may be empty
	Where   string // file:line, or file and JSON pointer; may be empty
	Err     error  // the cause, for -v and errors.Is; may be nil
}

// Error returns "where: message".
func (e *Error) Error() string {
	if e.Where != "" {
		return e.Where + ": " + e.Message
	}
	return e.Message
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Errorf makes an Error. A cause is attached by %w, as in fmt.Errorf.
func Errorf(kind Kind, format string, args ...any) *Error {
	err := fmt.Errorf(format, args...)
	return &Error{Kind: kind, Message: err.Error(), Err: errors.Unwrap(err)}
}

// WithHint returns a copy of e with the hint set.
func (e *Error) WithHint(format string, args ...any) *Error {
	c := *e
	c.Hint = fmt.Sprintf(format, args...)
	return &c
}

// At returns a copy of e that says where the fault lies.
func (e *Error) At(where string) *Error {
	c := *e
	c.Where = where
	return &c
}

// Unreadable says in a user's words why a path cannot be read. An Error is returned as
// it is.
func Unreadable(name string, err error) error {
	var known *Error
	if errors.As(err, &known) {
		return err
	}
	msg := "cannot be read"
	switch {
	case errors.Is(err, fs.ErrNotExist):
		msg = "no such file or folder"
	case errors.Is(err, fs.ErrPermission):
		msg = "no permission to read it"
	}
	return &Error{Kind: KindFailure, Message: msg, Where: name, Err: err}
}

// KindOf returns the kind of the first Error in err's chain, or KindFailure.
func KindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return KindFailure
}
