package verify_test

import (
	"testing"
	"time"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/verify"
	"github.com/cofferdam-io/cofferdam/verify/synth"
)

// FuzzParseGitsign looks for signatures that make the reader fail, or that verify over
// what nobody signed.
func FuzzParseGitsign(f *testing.F) {
	w := newWorld(f)
	trust, err := verify.ParseTrustedRoot(w.d.TrustedRoot())
	if err != nil {
		f.Fatal(err)
	}
	v, err := verify.New(verify.Options{Trust: trust, Anybody: true})
	if err != nil {
		f.Fatal(err)
	}
	commit := []byte("tree x\n\nmessage\n")
	for _, s := range []synth.Signing{{Subject: subject, Issuer: issuer}, {Subject: subject, Issuer: issuer, NoLog: true}} {
		armoured, err := w.d.Gitsign(commit, s)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(armoured, commit)
	}
	f.Fuzz(func(t *testing.T, armoured, content []byte) {
		b, err := verify.ParseGitsign(armoured, content)
		if err != nil {
			return
		}
		if _, err := v.Bundle(b, verify.Artifact{Digest: ident.SHA256(content)}); err == nil && string(content) != string(commit) {
			t.Errorf("verified what nobody signed: %q", content)
		}
	})
}

// FuzzAllowedSigners looks for files and SSH signatures that make the readers fail.
func FuzzAllowedSigners(f *testing.F) {
	const key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFbYfDqzSSp8wCWqVbvn0nqAJ6sLuYfB0rLDTkgZBqVn"
	f.Add([]byte("ann "+key+"\n"), []byte("-----BEGIN SSH SIGNATURE-----\nU1NIU0lHAAAAAQ==\n-----END SSH SIGNATURE-----\n"), []byte("content"))
	f.Add([]byte(`ann,bob cert-authority,namespaces="git,file" `+key), []byte(""), []byte(""))
	f.Add([]byte(`ann valid-after="20260101",valid-before="202601010000Z" `+key), []byte("-----BEGIN SSH SIGNATURE-----\n"), []byte(""))
	f.Fuzz(func(t *testing.T, file, armoured, content []byte) {
		a, err := verify.ParseAllowedSigners(file)
		if err != nil {
			return
		}
		got, err := a.Verify(armoured, content, "git", time.Unix(0, 0))
		if (got == nil) != (err != nil) {
			t.Errorf("%v, %v", got, err)
		}
	})
}
