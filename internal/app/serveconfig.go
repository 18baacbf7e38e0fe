package app

import (
	"context"
	"net/url"
	"strings"
	"time"

	"sigs.k8s.io/yaml"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/catalog"
	"github.com/cofferdam-io/cofferdam/internal/listen"
	"github.com/cofferdam-io/cofferdam/internal/server"
	"github.com/cofferdam-io/cofferdam/sbom/quality"
)

// serveConfig is the file of `serve --config`.
type serveConfig struct {
	TLS struct {
		Certificate string `json:"certificate"`
		Key         string `json:"key"`
	} `json:"tls"`
	// BehindProxy says that something before the server ends TLS.
	BehindProxy bool `json:"behindProxy"`
	// Tokens is a folder of access tokens; beside the data by default.
	Tokens string       `json:"tokens"`
	OIDC   []oidcConfig `json:"oidc"`
	// URL is how people reach the server, for providers to send their browsers back.
	URL string `json:"url"`
	// Session is how long a browser stays signed in.
	Session struct {
		Hours int `json:"hours"`
		// Key is a file that replicas share; beside the data by default.
		Key string `json:"key"`
	} `json:"session"`
	// Review is true where documents are drafts until somebody reviewed them.
	Review bool          `json:"review"`
	Watch  []watchConfig `json:"watch"`
	// Advisories are files and folders of OSV records.
	Advisories []string `json:"advisories"`
	// KEV, EPSS and VEX are what is known of vulnerabilities beside: files, and for VEX
	// folders. VEXTrust is a file that says whose statements are applied; without it they
	// are those of all that VEX names.
	KEV      string   `json:"kev"`
	EPSS     string   `json:"epss"`
	VEX      []string `json:"vex"`
	VEXTrust string   `json:"vexTrust"`
	// Nightly refreshes the advisories and compares everything that runs anew, every day.
	Nightly *nightlyConfig `json:"nightly"`
	// VEXUploaders are those whose uploaded statements are applied, by who they are to the
	// server; those of others are shown.
	VEXUploaders []trustedAuthor `json:"vexUploaders"`
	// BaseImages are the names, references or digests of images that others are built on.
	BaseImages []string `json:"baseImages"`
	// Findings says until when vulnerabilities are to be gone, and who accepts those that stay.
	Findings findingsConfig `json:"findings"`
	// Goals are what indicators are held against.
	Goals goalsConfig `json:"goals"`
	// SBOMTrust says who may vouch for documents, and whose word about that is taken.
	SBOMTrust sbomTrustConfig `json:"sbomTrust"`
	// Quality says how documents are judged, and what becomes of bad ones.
	Quality qualityConfig `json:"quality"`
	// Registries are those whose images' SBOMs are taken in.
	Registries []registryConfig `json:"registries"`
	// Webhooks are told which findings change.
	Webhooks []webhookConfig `json:"webhooks"`
	// Tickets are kept with the owners of what runs.
	Tickets []ticketsConfig `json:"tickets"`
	// Retention: documents of what neither runs nor may be deployed leave.
	Retention struct {
		ArchiveAfterDays int `json:"archiveAfterDays"`
		PurgeAfterDays   int `json:"purgeAfterDays"`
		// The same in the words of time.ParseDuration, for images that live for hours.
		ArchiveAfter string `json:"archiveAfter"`
		PurgeAfter   string `json:"purgeAfter"`
		ReportsHours int    `json:"reportsWithinHours"`
		// Decisions of gates and verifications leave so long after they were judged.
		DecisionsAfterDays int `json:"decisionsAfterDays"`
	} `json:"retention"`
	Limits struct {
		DocumentBytes int64 `json:"documentBytes"`
		BatchBytes    int64 `json:"batchBytes"`
		MemoryBytes   int64 `json:"memoryBytes"`
		Workers       int   `json:"workers"`
		Queue         int   `json:"queue"`
		PageRows      int   `json:"pageRows"`
		StallSeconds  int   `json:"stallSeconds"`
		Streams       int   `json:"streams"`
		Connections   int   `json:"connections"`
		// Tenants bounds each tenant, by name; "*" is everybody else.
		Tenants map[string]tenantLimits `json:"tenants"`
	} `json:"limits"`
}

// qualityConfig says how documents are judged.
type qualityConfig struct {
	Policy  string  `json:"policy"`  // file of kind SBOMQualityPolicy; "" warns of everything
	Floor   float64 `json:"floor"`   // the least score
	Profile string  `json:"profile"` // whose score; the mean of all by default
	// Refuse is true where documents below the floor, and those that the policy refuses,
	// are not taken in. They are marked by default.
	Refuse bool `json:"refuse"`
}

// scoring reads how documents are judged.
func (l *Loader) scoring(ctx context.Context, q *qualityConfig) (*catalog.Scoring, error) {
	out := &catalog.Scoring{Floor: q.Floor, Profile: q.Profile, Refuse: q.Refuse}
	if q.Floor < 0 || q.Floor > 100 {
		return nil, ident.Errorf(ident.KindUsage, "quality.floor is %g: scores are from 0 to 100", q.Floor)
	}
	if q.Profile != "" && (q.Profile == "all" || quality.Named(q.Profile) == nil) {
		return nil, ident.Errorf(ident.KindUsage, "quality.profile %.60q is no profile", q.Profile).WithHint("leave it out for the mean of all; cofferdam sbom score --help lists them")
	}
	if q.Policy == "" {
		if q.Refuse && q.Floor == 0 {
			return nil, ident.Errorf(ident.KindUsage, "quality.refuse refuses nothing without a floor or a policy")
		}
		return out, nil
	}
	raw, err := l.read(ctx, q.Policy)
	if err == nil {
		out.Policy, err = quality.ParsePolicy(raw)
	}
	if err != nil {
		return nil, unusable(err)
	}
	return out, nil
}

type tenantLimits struct {
	UploadsAtOnce      int   `json:"uploadsAtOnce"`
	DocumentsPerMinute int   `json:"documentsPerMinute"`
	BytesPerMinute     int64 `json:"bytesPerMinute"`
	Artifacts          int   `json:"artifacts"`
}

type oidcConfig struct {
	Issuer     string              `json:"issuer"`
	Audience   string              `json:"audience"`
	RolesClaim string              `json:"rolesClaim"`
	Roles      map[string][]string `json:"roles"`
	Tenants    map[string]string   `json:"tenants"`
	// SignIn is there where browsers sign in at the issuer.
	SignIn *signInConfig `json:"signIn"`
}

type signInConfig struct {
	Name       string   `json:"name"`
	SecretFile string   `json:"secretFile"`
	Scopes     []string `json:"scopes"`
}

// watchConfig is a folder whose files are taken in as they appear.
type watchConfig struct {
	Path    string `json:"path"`
	Tenant  string `json:"tenant"`
	Service string `json:"service"`
	Owner   string `json:"owner"`
}

// serveSettings reads the configuration; no file is the defaults.
func (l *Loader) serveSettings(ctx context.Context, file string) (*serveConfig, error) {
	c := &serveConfig{}
	if file == "" {
		return c, nil
	}
	b, err := l.read(ctx, file)
	if err != nil {
		return nil, err
	}
	if err := yaml.UnmarshalStrict(b, c); err != nil {
		return nil, ident.Errorf(ident.KindUsage, "the configuration cannot be read: %w", err).At(file).WithHint("docs/server.md lists its fields")
	}
	bad := func(format string, args ...any) error {
		return ident.Errorf(ident.KindUsage, format, args...).At(file)
	}
	if (c.TLS.Certificate == "") != (c.TLS.Key == "") {
		return nil, bad("tls needs both certificate and key")
	}
	if c.TLS.Certificate != "" && c.BehindProxy {
		return nil, bad("tls and behindProxy contradict each other: who ends TLS?")
	}
	for i := range c.OIDC {
		o := &c.OIDC[i]
		u, err := url.Parse(o.Issuer)
		if err != nil || u.Scheme != "https" || u.Host == "" {
			return nil, bad("oidc issuer %.100q is no https URL", o.Issuer)
		}
		if o.Audience == "" {
			return nil, bad("oidc issuer %s needs an audience: a token that is meant for another program is not for this one", o.Issuer)
		}
		if len(o.Roles) == 0 {
			return nil, bad("oidc issuer %s gives nobody a role", o.Issuer)
		}
		if o.SignIn != nil && c.URL == "" {
			return nil, bad("oidc issuer %s has signIn, and nothing says where it sends browsers back: url is missing", o.Issuer)
		}
	}
	if u, err := url.Parse(c.URL); c.URL != "" && (err != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" || u.Scheme != "https" && (u.Scheme != "http" || !listen.IsLoopback(u.Host))) {
		return nil, bad("url %.100q is not how browsers reach this server: https://HOST, without a path", c.URL)
	}
	if c.Session.Hours < 0 || c.Session.Hours > mostSessionHours {
		return nil, bad("session.hours is 1 to %d", mostSessionHours)
	}
	if l := &c.Limits; min(l.DocumentBytes, l.BatchBytes, l.MemoryBytes) < 0 || min(l.Workers, l.Queue, l.PageRows, l.StallSeconds, l.Streams, l.Connections) < 0 || max(l.Workers, l.Queue, l.Connections) > mostAtOnce || l.StallSeconds > 3600 {
		return nil, bad("limits are positive numbers, or left out; workers, queue and connections are at most %d, stallSeconds at most 3600", mostAtOnce)
	}
	for name, l := range c.Limits.Tenants {
		if min(l.UploadsAtOnce, l.DocumentsPerMinute, l.Artifacts) < 0 || l.BytesPerMinute < 0 {
			return nil, bad("limits of the tenant %.100q: a limit is a positive number, or left out", name)
		}
	}
	if r := c.Retention; r.ArchiveAfterDays < 0 || r.PurgeAfterDays < 0 || r.ReportsHours < 0 || r.DecisionsAfterDays < 0 || max(r.ArchiveAfterDays, r.PurgeAfterDays, r.ReportsHours/24, r.DecisionsAfterDays) > mostDays {
		return nil, bad("retention is given in days from 1 to %d", mostDays)
	}
	for _, x := range []struct {
		name, text string
		days       int
	}{{"archiveAfter", c.Retention.ArchiveAfter, c.Retention.ArchiveAfterDays}, {"purgeAfter", c.Retention.PurgeAfter, c.Retention.PurgeAfterDays}} {
		if x.text == "" {
			continue
		}
		if d, err := time.ParseDuration(x.text); err != nil || d <= 0 || d > mostDays*24*time.Hour || x.days != 0 {
			return nil, bad("retention.%s is a time such as 36h, in place of %sDays", x.name, x.name)
		}
	}
	for i := range c.Watch {
		if c.Watch[i].Path == "" {
			return nil, bad("a folder to watch needs a path")
		}
	}
	return c, nil
}

// mostAtOnce is more than any machine has room for.
const mostAtOnce = 1_000_000

// mostSessionHours is a month: a session cannot be called back.
const mostSessionHours = 31 * 24

// mostDays is a century: more does not fit a duration.
const mostDays = 36_500

func (c *serveConfig) retention() catalog.Retention {
	after := func(days int, text string) time.Duration {
		if d, err := time.ParseDuration(text); err == nil { // it was looked at
			return d
		}
		return time.Duration(days) * 24 * time.Hour
	}
	return catalog.Retention{Archive: after(c.Retention.ArchiveAfterDays, c.Retention.ArchiveAfter), Purge: after(c.Retention.PurgeAfterDays, c.Retention.PurgeAfter),
		Reports: time.Duration(c.Retention.ReportsHours) * time.Hour, Decisions: time.Duration(c.Retention.DecisionsAfterDays) * 24 * time.Hour}
}

func (c *serveConfig) catalogLimits() catalog.Limits {
	tenants := map[string]catalog.TenantLimits{}
	for name, l := range c.Limits.Tenants {
		tenants[name] = catalog.TenantLimits{AtOnce: l.UploadsAtOnce, Documents: l.DocumentsPerMinute, Bytes: l.BytesPerMinute, Artifacts: l.Artifacts}
	}
	return catalog.Limits{Tenants: tenants, Document: c.Limits.DocumentBytes, Memory: c.Limits.MemoryBytes, Workers: c.Limits.Workers, Queue: c.Limits.Queue}
}

func (c *serveConfig) serverLimits() server.Limits {
	return server.Limits{Document: c.Limits.DocumentBytes, Batch: c.Limits.BatchBytes, Page: c.Limits.PageRows,
		Stall: time.Duration(c.Limits.StallSeconds) * time.Second, Streams: c.Limits.Streams}
}
