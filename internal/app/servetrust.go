package app

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/catalog"
	"github.com/cofferdam-io/cofferdam/internal/retry"
	"github.com/cofferdam-io/cofferdam/verify"
)

// sbomTrustConfig says who may vouch for SBOMs, and whose word about that is taken.
type sbomTrustConfig struct {
	// Keys are files of public keys, or of those that a service keeps; Identities are those
	// of certificates. One of the two: whose signature of SBOMs at images is accepted.
	Keys         []string        `json:"keys"`
	Identities   []sbomTrustName `json:"identities"`
	TrustedRoots []string        `json:"trustedRoots"` // files; the public good's by default
	Distrust     string          `json:"distrust"`
	Interval     string          `json:"interval"`    // between rounds over what runs: 1h by default
	Credentials  string          `json:"credentials"` // file; the server's own docker login by default
	PlainHTTP    bool            `json:"plainHTTP"`
	Mirrors      []string        `json:"mirrors"` // REGISTRY=HOST[:PORT][/PATH]
	// Uploaders are those whose answers of verify are taken, by who they are to the server.
	Uploaders []string `json:"uploaders"`
}

type sbomTrustName struct {
	Identity       string `json:"identity"`
	IdentityRegexp string `json:"identityRegexp"`
	Issuer         string `json:"issuer"`
	IssuerRegexp   string `json:"issuerRegexp"`
}

const (
	voucherInterval = time.Hour
	// voucherLook is how often it is looked whether something else runs.
	voucherLook = 15 * time.Second
)

// voucherRounds ask the registries of what runs, again and again, who vouches for its
// documents.
type voucherRounds struct {
	loader   *Loader
	in       FactInputs
	interval time.Duration
	log      *slog.Logger
	now      func() time.Time
}

func (c *sbomTrustConfig) asks() bool { return len(c.Keys)+len(c.Identities) > 0 }

// voucherRounds prepares what the configuration asks for; nil where it names nobody whose
// signature is accepted.
func (l *Loader) voucherRounds(ctx context.Context, c *sbomTrustConfig, log *slog.Logger) (*voucherRounds, error) {
	bad := func(format string, args ...any) error {
		return ident.Errorf(ident.KindUsage, "sbomTrust: %w", ident.Errorf(ident.KindUsage, format, args...)).WithHint("docs/server.md lists its fields")
	}
	for _, u := range c.Uploaders {
		if strings.TrimSpace(u) == "" {
			return nil, bad("an uploader has no name")
		}
	}
	if !c.asks() {
		if len(c.TrustedRoots) > 0 || c.Distrust != "" || c.Interval != "" || c.Credentials != "" || c.PlainHTTP || len(c.Mirrors) > 0 {
			return nil, bad("nobody is named whose signature of SBOMs is accepted: keys or identities")
		}
		return nil, nil
	}
	if len(c.Keys) > 0 && len(c.Identities) > 0 {
		return nil, bad("keys or identities, not both")
	}
	quiet := *l
	quiet.Progress = nil
	r := &voucherRounds{loader: &quiet, interval: voucherInterval, log: log, now: time.Now}
	if c.Interval != "" {
		var err error
		if r.interval, err = time.ParseDuration(c.Interval); err != nil || r.interval <= 0 {
			return nil, bad("the interval %q is no time, such as 1h", c.Interval)
		}
	}
	r.in.Registry = RegistryInputs{Auth: c.Credentials, PlainHTTP: c.PlainHTTP, Mirrors: c.Mirrors}
	if _, err := r.in.Registry.options(); err != nil {
		return nil, bad("%w", err)
	}
	r.in.Verify = VerifyInputs{Keys: c.Keys, TrustedRoots: c.TrustedRoots, DistrustFile: c.Distrust}
	for _, n := range c.Identities {
		r.in.Verify.Options.Identities = append(r.in.Verify.Options.Identities, verify.Identity{Subject: n.Identity, SubjectRegexp: n.IdentityRegexp, Issuer: n.Issuer, IssuerRegexp: n.IssuerRegexp})
	}
	o, err := l.verifyOptions(ctx, r.in.Verify) // refused at the start, and read anew by each round
	if err == nil {
		_, err = verify.New(o)
	}
	if err != nil {
		return nil, unusable(err)
	}
	r.in.Verify.Roots = l.publicRoots
	return r, nil
}

// publicRoots gets the public trusted root, kept in the cache.
func (l *Loader) publicRoots(ctx context.Context, at time.Time) ([]byte, []string, error) {
	return PublicRoot(ctx, filepath.Join(l.Cache, "trustroot"), at)
}

// run goes round until its context ends: over everything when the interval is over, and
// over what is new soon after something else runs or documents come in.
func (r *voucherRounds) run(ctx context.Context, c *catalog.Catalog) {
	var of uint64
	var last time.Time
	asked := map[ident.ImageRef]bool{}
	for {
		begun := r.now()
		if begun.Sub(last) >= r.interval {
			last = begun
			clear(asked)
		}
		if m := c.Material(); m != of || len(asked) == 0 {
			of = m
			if err := r.round(ctx, c, asked); err != nil && ctx.Err() == nil {
				r.log.WarnContext(ctx, "who vouches for the documents of what runs was not found out", "error", err)
			}
		}
		wait := max(min(voucherLook, r.interval), r.now().Sub(begun)) // what takes long is followed by as long a rest
		if retry.Sleep(ctx, wait+rand.N(wait/10+1)) != nil {          // #nosec G404 -- so that servers do not come all at once
			return
		}
	}
}

// round asks about what was not asked about since the last whole round.
func (r *voucherRounds) round(ctx context.Context, c *catalog.Catalog, asked map[ident.ImageRef]bool) error {
	all, err := c.Vouchable(ctx)
	if err != nil {
		return err
	}
	images := slices.DeleteFunc(all, func(i ident.ImageRef) bool { return asked[i] })
	if len(images) == 0 {
		return nil
	}
	in := r.in
	in.Verify.At = r.now()
	t, err := r.loader.VerifySBOMs(ctx, images, in)
	if err != nil {
		return err
	}
	open := 0
	for i := range t.Images {
		if t.Images[i].Open != "" {
			open++
		}
	}
	changed, err := c.Checked(ctx, t)
	if err != nil {
		return err
	}
	for _, i := range images {
		asked[i] = true
	}
	if changed > 0 || open > 0 {
		r.log.InfoContext(ctx, "it was asked who vouches for the documents of what runs", "images", len(images), "changed", changed, "open", open)
	}
	return nil
}
