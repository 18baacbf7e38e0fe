// Package callout asks another program one question: it starts it, gives it what it is
// asked on standard input, and takes what it answers on standard output, within a limit
// of time and of bytes.
//
//	c := callout.Call{Program: path, Args: []string{"get"}, Stdin: question, Env: callout.Environment(os.Environ(), nil, nil), Time: time.Minute, Most: 1 << 20}
//	a, err := c.Run(ctx)
//
// It is how helpers for keys (internal/kms), for credentials (internal/registry) and
// verification plugins (internal/notation) are run. No shell is between, and a program
// sees of the environment what Call.Env says and nothing else. It is not for judging an
// answer, nor for programs that go on running.
package callout
