package registry

import "time"

// Limits bound what one client does, whatever a registry answers. Zero fields have
// the defaults.
type Limits struct {
	Manifest  int64 // bytes of a manifest, an index or a page of a list: 4 MiB, as the distribution specification advises registries
	Document  int64 // bytes of one attached document or attestation: 512 MiB
	Signature int64 // bytes of one attached signature or attestation that is to be verified: 128 MiB
	Image     int64 // bytes of all that is fetched for one image: 2 GiB
	Platforms int   // manifests of one index: 128
	Referrers int   // manifests attached to one digest: 1,000
	Layers    int   // of one attached manifest: 1,000
	Pages     int   // of one list: 1,000
	Tags      int   // of one repository: 100,000
	Redirects int   // of one request: 5
	Cache     int64 // bytes of manifests that are remembered: 32 MiB

	Concurrency int           // requests at once: 8
	Attempts    int           // at one request: 4
	Patience    time.Duration // spent on waiting within one request: 30 s
	Stall       time.Duration // without a byte: 30 s
	Request     time.Duration // one attempt in all: 10 min
	Whole       time.Duration // one image in all: 30 min
}

func (l *Limits) fill() {
	set(&l.Manifest, 4<<20)
	set(&l.Document, 512<<20)
	set(&l.Signature, 128<<20)
	set(&l.Image, 2<<30)
	set(&l.Platforms, 128)
	set(&l.Referrers, 1000)
	set(&l.Layers, 1000)
	set(&l.Pages, 1000)
	set(&l.Tags, 100_000)
	set(&l.Redirects, 5)
	set(&l.Cache, 32<<20)
	set(&l.Concurrency, 8)
	set(&l.Attempts, 4)
	set(&l.Patience, 30*time.Second)
	set(&l.Stall, 30*time.Second)
	set(&l.Request, 10*time.Minute)
	set(&l.Whole, 30*time.Minute)
}

func set[T comparable](p *T, otherwise T) {
	var zero T
	if *p == zero {
		*p = otherwise
	}
}
