package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/cofferdam-io/cofferdam/ident"
)

// The exit codes, the same for every command and format.
const (
	exitOK          = 0
	exitFailure     = 1
	exitUsage       = 2
	exitRefused     = 3 // a gate or check failed, or a verification was refused
	exitIncomplete  = 4 // input was quarantined, or an unknown could change the answer
	exitInterrupted = 130
)

// outcome is what a command found besides its output. The zero value is success.
type outcome struct {
	failed     bool // something that was asked for could not be done
	refused    bool
	incomplete bool
	ended      bool // a server that was asked to end did so in order: that is what was wanted
}

// code applies the precedence 130 > 2 > 1 > 3 > 4 > 0 to what happened.
func (o outcome) code(ctx context.Context, err error, allowIncomplete bool) int {
	switch {
	case o.ended && err == nil:
		return exitOK
	case interrupted(ctx, err):
		return exitInterrupted
	case err != nil && ident.KindOf(err) == ident.KindUsage:
		return exitUsage
	case err != nil && ident.KindOf(err) == ident.KindRefused:
		return exitRefused
	case err != nil || o.failed:
		return exitFailure
	case o.refused:
		return exitRefused
	case o.incomplete && !allowIncomplete:
		return exitIncomplete
	default:
		return exitOK
	}
}

func interrupted(ctx context.Context, err error) bool {
	return ctx.Err() != nil && (err == nil || errors.Is(err, context.Canceled) || errors.Is(err, ctx.Err()))
}

// printError writes an error as a person reads it: the message, a hint how to
// mend it, and with -v the cause.
func printError(w io.Writer, err error, verbose bool) {
	text := safe(err.Error())
	if !strings.HasPrefix(text, "cofferdam ") { // a message that names the command says who speaks
		text = "cofferdam: " + text
	}
	fmt.Fprintln(w, text)
	var e *ident.Error
	if !errors.As(err, &e) {
		return
	}
	if e.Hint != "" {
		fmt.Fprintln(w, "  hint: "+safe(e.Hint))
	}
	if verbose && e.Err != nil {
		fmt.Fprintln(w, "  cause: "+safe(e.Err.Error()))
	}
}
