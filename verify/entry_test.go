package verify_test

import (
	"bytes"
	"testing"

	"github.com/cofferdam-io/cofferdam/verify"
	"github.com/cofferdam-io/cofferdam/verify/synth"
)

// TestUnjudgedEntries: beside an entry that was verified here, and is as many as were
// asked for, nobody looks at the others; none of them may be told of as verified.
func TestUnjudgedEntries(t *testing.T) {
	w := newWorld(t)
	b := w.sign(t, synth.Signing{FirstLog: true, BareOrigin: true})
	other, err := w.d.Sign([]byte("something else"), synth.Signing{Subject: subject, Issuer: issuer})
	if err != nil {
		t.Fatal(err)
	}
	material := b["verificationMaterial"].(synth.Object)
	entries := material["tlogEntries"].([]any)
	material["tlogEntries"] = append(entries, in(other, "verificationMaterial", "tlogEntries", 0))
	f, err := judge(t, synth.Write(b), w.d.TrustedRoot(), verify.Artifact{Content: bytes.NewReader(content)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(f.Log) != 1 || len(f.Notes) != 1 {
		t.Errorf("%+v %q", f.Log, f.Notes)
	}
}
