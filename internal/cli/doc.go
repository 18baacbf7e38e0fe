// Package cli is the command line: flags, exit codes, and which answer is
// asked for. It follows the command-line contract; what the commands do is in
// the domain packages, and how answers look in package report.
//
//	code := cli.Run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
//	os.Exit(code)
package cli
