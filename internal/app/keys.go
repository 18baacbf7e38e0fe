package app

import (
	"context"
	"os"

	"github.com/cofferdam-io/cofferdam/internal/kms"
)

// publicKey reads a public key from a file, or from the service that keeps it.
func (l *Loader) publicKey(ctx context.Context, name string) ([]byte, error) {
	if !kms.Is(name) {
		return l.read(ctx, name)
	}
	k, err := kms.Find(name, os.Getenv, os.Environ())
	if err != nil {
		return nil, err
	}
	raw, err := k.PublicKey(ctx)
	if err == nil {
		l.judgedBy.read(name, raw)
	}
	return raw, err
}
