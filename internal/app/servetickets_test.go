package app

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestTicketsAreChecked: a configuration under which a finding would have two tickets, or none, is refused
// before anything starts.
func TestTicketsAreChecked(t *testing.T) {
	dir := t.TempDir()
	token := filepath.Join(dir, "token")
	if err := os.WriteFile(token, []byte("secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	good := ticketsConfig{Name: "a", Tracker: "gitlab", URL: "https://gitlab.example", Project: "1", TokenFile: token, Owners: []string{"team"}}
	for name, c := range map[string]struct {
		change func(*ticketsConfig)
		want   string
	}{
		"good": {func(*ticketsConfig) {}, ""}, "nameless": {func(x *ticketsConfig) { x.Name = "" }, "needs a name"}, "two of a name": {func(x *ticketsConfig) { x.Name = "first" }, "needs a name"},
		"an owner of two": {func(x *ticketsConfig) { x.Owners = []string{"other"} }, `go to both "first" and "a"`}, "no token": {func(x *ticketsConfig) { x.TokenFile = "" }, "no tokenFile"},
		"a token that is not there": {func(x *ticketsConfig) { x.TokenFile += "x" }, "tokenx"}, "a severity": {func(x *ticketsConfig) { x.Severity = "dire" }, "dire"}, "in the clear": {func(x *ticketsConfig) { x.URL = "http://gitlab.example" }, "no https URL"},
	} {
		first, second := good, good
		first.Name, first.Owners = "first", []string{"other"}
		c.change(&second)
		got, err := (&Loader{}).tickets(t.Context(), &serveConfig{Tickets: []ticketsConfig{first, second}}, dir, slog.New(slog.DiscardHandler))
		if c.want == "" && (err != nil || len(got) != 2) || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}
