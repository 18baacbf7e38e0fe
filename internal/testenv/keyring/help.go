package keyring

import (
	"context"
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"os"

	"github.com/sigstore/sigstore/pkg/signature"
	"github.com/sigstore/sigstore/pkg/signature/kms/cliplugin/handler"
)

// Help makes a program a helper for keys in files (NAME:///path), by Sigstore's own handler
// of the protocol.
func Help() {
	args, err := handler.GetPluginArgs(os.Args)
	var s inFile
	if err == nil {
		s, err = load(args.InitOptions.KeyResourceID, args.InitOptions.HashFunc)
	}
	if err == nil {
		_, err = handler.Dispatch(os.Stdout, os.Stdin, args, s)
	} else {
		err = handler.WriteErrorResponse(os.Stdout, err)
	}
	if err != nil {
		os.Exit(1)
	}
}

// inFile is a key in a file, as the handler wants it.
type inFile struct{ signature.SignerVerifier }

func (inFile) CreateKey(context.Context, string) (crypto.PublicKey, error) {
	return nil, errors.ErrUnsupported
}

func (inFile) CryptoSigner(context.Context, func(error)) (crypto.Signer, crypto.SignerOpts, error) {
	return nil, nil, errors.ErrUnsupported
}
func (inFile) SupportedAlgorithms() []string { return nil }
func (inFile) DefaultAlgorithm() string      { return "" }

func load(file string, hash crypto.Hash) (inFile, error) {
	raw, err := os.ReadFile(file)
	if err != nil {
		return inFile{}, err
	}
	block, _ := pem.Decode(raw)
	if block == nil {
		return inFile{}, errors.New("is no PEM")
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return inFile{}, err
	}
	s, err := signature.LoadSignerVerifier(key, hash)
	return inFile{s}, err
}
