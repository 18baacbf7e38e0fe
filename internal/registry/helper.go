package registry

import (
	"context"
	"encoding/json"
	"os"
	"strings"
	"time"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/callout"
)

const (
	// helperTime bounds a credential helper; some ask a cloud.
	helperTime = 30 * time.Second
	// helperBytes bounds what one may print.
	helperBytes = 64 << 10
)

// runHelper asks docker-credential-NAME for a server's credential, by the protocol of
// docker-credential-helpers: the server's name on standard input, JSON on standard
// output.
func runHelper(ctx context.Context, name, server string) (Credential, error) {
	failed := func(format string, args ...any) (Credential, error) {
		return Credential{}, ident.Errorf(ident.KindIndeterminate, format, args...).
			WithHint("the file of registry credentials names it; try: echo %s | docker-credential-%s get", server, name)
	}
	if name == "" || strings.ContainsFunc(name, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_' || r == '.')
	}) {
		return Credential{}, ident.Errorf(ident.KindInvalid, "%.80q is no credential helper", name)
	}
	a, err := callout.Call{Program: "docker-credential-" + name, Args: []string{"get"}, Stdin: []byte(server), Env: os.Environ(), Time: helperTime, Most: helperBytes}.Run(ctx)
	if err == nil {
		err = a.Ended
	}
	if err != nil {
		if a != nil && strings.Contains(string(a.Out), "credentials not found") {
			return Credential{}, nil
		}
		return failed("the credential helper docker-credential-%s failed: %w", name, err)
	}
	var got struct{ Username, Secret string }
	if err := json.Unmarshal(a.Out, &got); err != nil {
		return failed("the credential helper docker-credential-%s does not answer with JSON", name)
	}
	if got.Username == "<token>" {
		return Credential{IdentityToken: got.Secret}, nil
	}
	return Credential{Username: got.Username, Password: got.Secret}, nil
}
