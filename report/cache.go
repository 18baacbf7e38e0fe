package report

import (
	"io"
	"strings"
	"time"
)

// Cache is the answer of `advisories status`.
type Cache struct {
	SchemaVersion string    `json:"schemaVersion"`
	Updated       time.Time `json:"updated"`
	AsOf          time.Time `json:"asOf"`
	Sources       []string  `json:"sources"`
	Advisories    int       `json:"advisories"`
	Ecosystems    []string  `json:"ecosystems"` // "Go 4293", most first
	Quarantined   int       `json:"quarantined"`
	Path          string    `json:"path"`
}

func cacheTable(w io.Writer, c *Cache, o Options) error {
	p := newPrinter(w, o)
	p.linef("%s of %s", p.bold(plural(c.Advisories, "advisory")), c.AsOf.Format(time.DateOnly))
	p.linef("  updated     %s", c.Updated.Format(time.RFC3339))
	p.linef("  from        %s", clean(strings.Join(c.Sources, ", ")))
	eco := c.Ecosystems
	if len(eco) > 12 && !o.All {
		eco = append(append([]string{}, eco[:12]...), "… (--all)")
	}
	p.linef("  ecosystems  %s", clean(strings.Join(eco, ", ")))
	if c.Quarantined > 0 {
		p.linef("  quarantined %d", c.Quarantined)
	}
	p.linef("  cache       %s", clean(c.Path))
	return p.done()
}

// Version is the answer of `version`.
type Version struct {
	SchemaVersion string `json:"schemaVersion"`
	Name          string `json:"name"`
	Version       string `json:"version"`
	Go            string `json:"go"` // the toolchain that built it
}

func versionText(w io.Writer, v *Version, o Options) error {
	p := newPrinter(w, o)
	p.linef("%s %s", v.Name, clean(v.Version))
	return p.done()
}
