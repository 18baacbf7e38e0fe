package verify_test

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"github.com/cofferdam-io/cofferdam/verify"
	"github.com/cofferdam-io/cofferdam/verify/synth"
)

func Example() {
	d, err := synth.New(synth.Options{At: time.Date(2026, 11, 20, 15, 0, 0, 0, time.UTC)})
	if err != nil {
		fmt.Println(err)
		return
	}
	signed, err := d.Sign([]byte("what was built"), synth.Signing{Subject: "ci@example.com", Issuer: "https://issuer.example"})
	if err != nil {
		fmt.Println(err)
		return
	}
	trust, err := verify.ParseTrustedRoot(d.TrustedRoot())
	if err != nil {
		fmt.Println(err)
		return
	}
	v, err := verify.New(verify.Options{Trust: trust, Identities: []verify.Identity{{Subject: "ci@example.com", Issuer: "https://issuer.example"}}})
	if err != nil {
		fmt.Println(err)
		return
	}
	b, err := verify.ParseBundle(synth.Write(signed))
	if err != nil {
		fmt.Println(err)
		return
	}
	f, err := v.Bundle(b, verify.Artifact{Content: bytes.NewReader([]byte("what was built"))})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(f.Signer.Certificate.Subject)

	_, err = v.Bundle(b, verify.Artifact{Content: bytes.NewReader([]byte("what was not built"))})
	var r *verify.Refusal
	if errors.As(err, &r) {
		fmt.Println(r.Reason)
	}
	// Output:
	// ci@example.com
	// artifact-mismatch
}
