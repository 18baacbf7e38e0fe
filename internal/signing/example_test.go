package signing_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"

	"github.com/cofferdam-io/cofferdam/internal/signing"
	"github.com/cofferdam-io/cofferdam/verify"
)

func Example() {
	private, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	der, _ := x509.MarshalPKCS8PrivateKey(private)
	key, err := signing.ParseKey("cosign.key", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	raw, err := signing.New(nil).Bundle(context.Background(), signing.Content{Message: []byte("what was built")}, signing.By{Key: key}, signing.Services{})
	if err != nil {
		fmt.Println(err)
		return
	}
	bundle, err := verify.ParseBundle(raw)
	fmt.Println(bundle.Logged(), err)
	// Output: false <nil>
}
