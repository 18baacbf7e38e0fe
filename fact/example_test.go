package fact_test

import (
	"fmt"
	"time"

	"github.com/cofferdam-io/cofferdam/fact"
)

func Example() {
	f := fact.Fact{Claim: fact.Signature, Signer: fact.Signer{Certificate: &fact.Certificate{Subject: "ci@example.com", Issuer: "https://issuer.example"}},
		Times: []fact.Time{{Source: fact.FromAuthority, At: time.Date(2026, 11, 20, 15, 0, 0, 0, time.UTC)}}}
	if c := f.Signer.Certificate; c != nil && c.Issuer == "https://issuer.example" {
		fmt.Println(c.Subject, f.Times[0].At.Format(time.DateOnly))
	}
	// Output: ci@example.com 2026-11-20
}
