//go:build depsonly

package ident

import (
	_ "github.com/CycloneDX/cyclonedx-go"
	_ "github.com/RoaringBitmap/roaring/v2"
	_ "github.com/bits-and-blooms/bitset"
	_ "github.com/google/go-cmp/cmp"
	_ "github.com/google/osv-scalibr/purl"
	_ "github.com/google/osv-scalibr/semantic"
	_ "github.com/klauspost/compress/zstd"
	_ "github.com/package-url/packageurl-go"
	_ "github.com/pandatix/go-cvss/31"
	_ "github.com/pandatix/go-cvss/40"
	_ "github.com/rogpeppe/go-internal/testscript"
	_ "github.com/santhosh-tekuri/jsonschema/v6"
	_ "github.com/spf13/cobra"
	_ "go.uber.org/goleak"
	_ "go.yaml.in/yaml/v3"
	_ "golang.org/x/term"
	_ "golang.org/x/tools/txtar"
	_ "golang.org/x/mod/semver"
	_ "golang.org/x/sync/errgroup"
	_ "k8s.io/api/apps/v1"
	_ "k8s.io/apimachinery/pkg/labels"
	_ "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	_ "pgregory.net/rapid"
	_ "sigs.k8s.io/network-policy-api/apis/v1alpha2"
	_ "sigs.k8s.io/yaml"
)
