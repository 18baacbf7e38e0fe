package app

import (
	"context"

	"sigs.k8s.io/yaml"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/client"
)

// Blocks reads a list of components that must not be used, in YAML or JSON.
func (l *Loader) Blocks(ctx context.Context, file string) ([]client.Block, error) {
	b, err := l.read(ctx, file)
	if err != nil {
		return nil, err
	}
	out := []client.Block{}
	if err := yaml.UnmarshalStrict(b, &out); err != nil {
		return nil, ident.Errorf(ident.KindInvalid, "is no list of blocked components: %w", err).At(file).WithHint("- {component: pkg:npm/event-stream@3.3.6, reason: carries malware}")
	}
	return out, nil
}
