package cli

import (
	"context"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/client"
	"github.com/cofferdam-io/cofferdam/inventory"
	"github.com/cofferdam-io/cofferdam/report"
)

// asks reports whether a server is to be asked: one was named, or files was empty
// and the environment names one.
func (f *serverFlags) asks(files bool) bool {
	return f.server != "" || !files && os.Getenv("COFFERDAM_SERVER") != ""
}

// notWithServer refuses flags that name input of this machine beside --server: the
// server has its own.
func (in *inputs) notWithServer(c *cobra.Command, names ...string) {
	pre := c.PreRunE
	c.PreRunE = func(c *cobra.Command, args []string) error {
		for _, n := range names {
			if in.server.server != "" && c.Flags().Changed(n) {
				return ident.Errorf(ident.KindUsage, "--%s does not go with --server: the server answers by what it has itself", n).
					WithHint("leave one of the two out")
			}
		}
		if pre != nil {
			return pre(c, args)
		}
		return nil
	}
}

// question is what all questions of a server say.
func (e *env) question(f *serverFlags) (client.Question, error) {
	q := client.Question{Tenant: f.tenant}
	if e.at == "" {
		return q, nil
	}
	var err error
	q.At, err = e.now()
	return q, err
}

// whereOnServer is where, asked of a server.
func (e *env) whereOnServer(ctx context.Context, f *serverFlags, q inventory.Query) error {
	srv, err := e.client(ctx, f)
	if err != nil {
		return err
	}
	defer srv.Close()
	question, err := e.question(f)
	if err != nil {
		return err
	}
	e.meter.at("asking the server", 0, 0)
	a, err := srv.Where(ctx, q.String(), question)
	if err != nil {
		return err
	}
	if a.MoreNotCovered > 0 {
		e.notef("%d containers more were not covered than are listed", a.MoreNotCovered)
	}
	if a.MoreUnknowns > 0 {
		e.notef("%d components more cannot be compared than are listed", a.MoreUnknowns)
	}
	if !question.At.IsZero() {
		e.notef("what ran at %s, by what is known now", question.At.Format(time.RFC3339))
	}
	e.judgeWhere(&a.Where)
	return e.write(&a.Where, report.Options{Inputs: "--server " + quote(serverOf(f))})
}

func serverOf(f *serverFlags) string {
	if f.server != "" {
		return f.server
	}
	return os.Getenv("COFFERDAM_SERVER")
}

// judgeWhere makes the outcome incomplete where what was not found may be there.
func (e *env) judgeWhere(a *inventory.Where) {
	if !a.Found && (len(a.NotCovered) > 0 || len(a.Unknowns) > 0) {
		e.outcome.incomplete = true
	}
}
