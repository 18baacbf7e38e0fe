// Command cofferdam links what runs in a Kubernetes estate, who vouches for it,
// where it runs and what it can reach.
package main

import (
	"context"
	"os"

	"github.com/cofferdam-io/cofferdam/internal/cli"
)

func main() {
	cli.LateCollection()
	ctx, stop := cli.Signals(context.Background())
	code := cli.Run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}
