package scanner

import (
	"context"
	"errors"
	"regexp"
	"strings"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/jsonscan"
	"github.com/cofferdam-io/cofferdam/vuln"
)

// maxReported bounds a report; a large image has some ten thousand.
const maxReported = 2_000_000

// Decode reads a report, its kind told by content. name is for messages. The error is an
// ident.Error: KindUnsupported for a document of another kind, KindInvalid for a broken
// one, KindLimit beyond a limit; or it is the context's.
func Decode(ctx context.Context, name string, raw []byte) ([]vuln.Reported, error) {
	p := &parser{ctx: ctx, r: jsonscan.New(raw, jsonscan.Options{}), file: name}
	if p.r.Kind() != jsonscan.Object {
		return nil, ident.Errorf(ident.KindUnsupported, "is no report of a scanner: it is no JSON object").At(name)
	}
	p.document()
	if err := p.r.End(); err != nil && p.err == nil {
		p.err = err
	}
	if p.err == nil {
		p.err = ctx.Err()
	}
	var e *ident.Error
	switch {
	case errors.As(p.err, &e):
		return nil, ident.Errorf(e.Kind, "%s", p.err).At(name)
	case p.err != nil:
		return nil, p.err
	case !p.known:
		return nil, ident.Errorf(ident.KindUnsupported, "is no report of a scanner that is known").At(name).
			WithHint("JSON of Trivy, Grype and OSV-Scanner, and SARIF, are read")
	}
	return p.out, nil
}

type parser struct {
	ctx   context.Context
	r     *jsonscan.Reader
	file  string
	known bool
	out   []vuln.Reported
	err   error
}

func (p *parser) add(r vuln.Reported) {
	if p.err == nil && len(p.out) == maxReported {
		p.err = ident.Errorf(ident.KindLimit, "the report has more than %d findings", maxReported)
	}
	if p.err != nil || len(r.IDs) == 0 {
		return
	}
	r.File = p.file
	p.out = append(p.out, r)
}

func (p *parser) document() {
	p.r.Members(func(key string) {
		switch key {
		case "Results":
			p.known = true
			p.r.Items(p.trivy)
		case "ArtifactName", "ArtifactType":
			p.known = p.known || p.r.Kind() == jsonscan.String // a Trivy report without results
			p.r.Skip()
		case "matches":
			p.known = true
			p.r.Items(p.grype)
		case "results":
			p.known = true
			p.r.Items(p.osvScanner)
		case "runs":
			p.known = true
			p.r.Items(p.sarif)
		}
	})
}

func (p *parser) trivy() {
	p.r.Members(func(key string) {
		if key != "Vulnerabilities" {
			return
		}
		p.r.Items(func() {
			r := vuln.Reported{Tool: "trivy"}
			var vendor []string
			p.r.Members(func(key string) {
				switch key {
				case "VulnerabilityID":
					r.IDs = ids(p.r.String())
				case "VendorIDs":
					vendor = p.r.Strings()
				case "PkgName":
					r.Name = p.r.String()
				case "InstalledVersion":
					r.Version = p.r.String()
				case "FixedVersion":
					r.Fixed = p.r.String()
				case "Severity":
					r.Severity, _ = ident.ParseSeverity(p.r.String())
				case "PkgIdentifier":
					p.r.Members(func(key string) {
						if key == "PURL" {
							r.PURL = p.r.String()
						}
					})
				}
			})
			r.IDs = append(r.IDs, vendor...)
			p.add(r)
		})
	})
}

func (p *parser) grype() {
	r := vuln.Reported{Tool: "grype"}
	var related []string
	p.r.Members(func(key string) {
		switch key {
		case "vulnerability":
			p.r.Members(func(key string) {
				switch key {
				case "id":
					r.IDs = ids(p.r.String())
				case "severity":
					r.Severity, _ = ident.ParseSeverity(p.r.String())
				case "fix":
					p.r.Members(func(key string) {
						if key == "versions" {
							r.Fixed = strings.Join(p.r.Strings(), ", ")
						}
					})
				}
			})
		case "relatedVulnerabilities":
			p.r.Items(func() {
				p.r.Members(func(key string) {
					if key == "id" {
						related = append(related, ids(p.r.String())...)
					}
				})
			})
		case "artifact":
			p.r.Members(func(key string) {
				switch key {
				case "name":
					r.Name = p.r.String()
				case "version":
					r.Version = p.r.String()
				case "purl":
					r.PURL = p.r.String()
				}
			})
		}
	})
	r.IDs = append(r.IDs, related...)
	p.add(r)
}

// osvScanner reads one source's packages. Groups name each vulnerability once, with all
// of its aliases; a report of a version without them is read by its records.
func (p *parser) osvScanner() {
	p.r.Members(func(key string) {
		if key != "packages" {
			return
		}
		p.r.Items(func() {
			pkg := vuln.Reported{Tool: "osv-scanner"}
			var groups, records [][]string
			p.r.Members(func(key string) {
				switch key {
				case "package":
					p.r.Members(func(key string) {
						switch key {
						case "name":
							pkg.Name = p.r.String()
						case "version":
							pkg.Version = p.r.String()
						}
					})
				case "groups":
					p.r.Items(func() { groups = append(groups, p.names()) })
				case "vulnerabilities":
					p.r.Items(func() { records = append(records, p.names()) })
				}
			})
			if len(groups) == 0 {
				groups = records
			}
			for _, g := range groups {
				r := pkg
				r.IDs = g
				p.add(r)
			}
		})
	})
}

// names are the identifiers of a group or record.
func (p *parser) names() []string {
	var out []string
	p.r.Members(func(key string) {
		switch key {
		case "id":
			out = append(ids(p.r.String()), out...)
		case "ids", "aliases":
			out = append(out, p.r.Strings()...)
		}
	})
	return out
}

func ids(s string) []string {
	if s == "" {
		return nil
	}
	return []string{s}
}

// maxInText is how much of a message is looked at.
const maxInText = 4096

// What identifiers and packages look like in SARIF, which has no place for them: Trivy
// and Grype write them into the message.
var (
	reID    = regexp.MustCompile(`^(CVE-[0-9]{4}-[0-9]{4,}|GHSA(-[0-9a-z]{4}){3}|[A-Z][A-Z0-9]+-[0-9]{4}[-:][0-9]+)`)
	reTrivy = regexp.MustCompile(`(?s)Package: ([^\n]+)\nInstalled Version: ([^\n]+)\n`)
	reGrype = regexp.MustCompile(`reports (\S+) at version (\S+)`)
)

func (p *parser) sarif() {
	tool := "sarif"
	from := len(p.out)
	p.r.Members(func(key string) {
		switch key {
		case "tool":
			p.r.Members(func(key string) {
				if key == "driver" {
					p.r.Members(func(key string) {
						if key == "name" {
							tool = strings.ToLower(p.r.String())
						}
					})
				}
			})
		case "results":
			p.r.Items(func() {
				var r vuln.Reported
				p.r.Members(func(key string) {
					switch key {
					case "ruleId":
						r.IDs = ids(reID.FindString(p.r.String()))
					case "message":
						p.r.Members(func(key string) {
							if key == "text" {
								r.Name, r.Version = inMessage(p.r.String())
							}
						})
					}
				})
				p.add(r)
			})
		}
	})
	for i := range p.out[from:] {
		p.out[from+i].Tool = tool
	}
}

// inMessage finds the package that a message speaks of; "" where it tells none.
func inMessage(text string) (name, version string) {
	if len(text) > maxInText {
		text = text[:maxInText]
	}
	for _, re := range []*regexp.Regexp{reTrivy, reGrype} {
		if m := re.FindStringSubmatch(text); m != nil {
			return strings.TrimSpace(m[1]), strings.TrimSpace(m[2])
		}
	}
	return "", ""
}
