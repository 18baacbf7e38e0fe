package report

import (
	"fmt"
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
	// Feeds are the sources one by one; one that is held back keeps records of before.
	Feeds []Feed `json:"feeds"`
	// Known says of each identifier that was asked for whether a record has it.
	Known []KnownID `json:"known,omitempty"`
}

// Feed is one source of the cache.
type Feed struct {
	From       string    `json:"from"`
	Updated    time.Time `json:"updated"`
	Advisories int       `json:"advisories"`
	Held       string    `json:"held,omitempty"` // why what it has now was not taken
	AgeDays    float64   `json:"ageDays"`        // since it was last read without fault; 0 of an update
	TooOld     bool      `json:"tooOld,omitempty"`
}

// KnownID says whether the cache has a record of an identifier.
type KnownID struct {
	ID    string `json:"id"`
	Known bool   `json:"known"`
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
	for _, f := range c.Feeds {
		if f.Held != "" {
			p.linef("%s", p.yellow("HELD BACK ")+clean(f.From)+": "+clean(f.Held)+"; records of "+f.Updated.Format(time.DateOnly)+" stay")
		}
	}
	for _, f := range c.Feeds {
		if f.TooOld {
			p.linef("%s", p.red("TOO OLD ")+clean(f.From)+fmt.Sprintf(": last read without fault %.1f days ago", f.AgeDays))
		}
	}
	for _, k := range c.Known {
		if k.Known {
			p.linef("%s is known", clean(k.ID))
		} else {
			p.linef("%s", p.yellow(clean(k.ID)+" is NOT KNOWN")+": no record has it, which is not the same as not affected")
		}
	}
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
