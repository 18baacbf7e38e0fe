package trigger

import (
	"strconv"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/jsonscan"
	"github.com/cofferdam-io/cofferdam/vuln"
)

// Limits on a scan, far above what a scanner of ours writes of the largest estates.
const (
	maxScanBytes  = 512 << 20
	maxFindings   = 2 << 20
	maxTextBytes  = 64 << 10 // of one identifier, package URL or reason
	maxScanDepth  = 32
	schemaVersion = "1"
)

// Scan is what `cofferdam scan -o json` found, as far as conditions ask for it.
type Scan struct {
	Findings []vuln.Finding
	// Undecided are components of which an advisory speaks, and of which the scan
	// could not tell whether they are affected.
	Undecided []vuln.Unmatched
	// KEVKnown is true where the scan was made with a catalogue of known exploited
	// vulnerabilities: else a finding that is not marked may be in it all the same.
	KEVKnown bool
	// AdvisoriesAsOf is the day of the newest advisory, "" where the scan says none.
	AdvisoriesAsOf string
	// Quarantined counts inputs that the scan could not read.
	Quarantined int
}

// ReadScan reads the JSON of a scan. What is not one, or lacks what conditions
// have to know, is an error of kind invalid that says where; members that it does
// not know are passed over.
func ReadScan(data []byte) (*Scan, error) {
	if len(data) > maxScanBytes {
		return nil, ident.Errorf(ident.KindLimit, "is larger than %d MiB", maxScanBytes>>20)
	}
	p := &scanParser{r: jsonscan.New(data, jsonscan.Options{MaxDepth: maxScanDepth, MaxStringBytes: maxTextBytes}), out: &Scan{}}
	p.document()
	if err := p.r.End(); err != nil {
		return nil, ident.Errorf(ident.KindInvalid, "%w", err).WithHint("it must be what cofferdam scan -o json wrote")
	}
	if p.err != nil {
		return nil, p.err
	}
	for i := range p.out.Findings {
		p.out.KEVKnown = p.out.KEVKnown || p.out.Findings[i].KEV // who marks one has read a catalogue
	}
	return p.out, nil
}

type scanParser struct {
	r   *jsonscan.Reader
	out *Scan
	err error // the first thing that is well-formed and wrong
}

func (p *scanParser) wrong(kind ident.Kind, at, format string, args ...any) {
	if p.err == nil {
		p.err = ident.Errorf(kind, format, args...).At(at).WithHint("it must be what cofferdam scan -o json wrote")
	}
}

func (p *scanParser) document() {
	version, found := "", false
	for p.r.RequireObject(); ; {
		key, ok := p.r.NextKey()
		if !ok {
			break
		}
		switch string(key) {
		case "schemaVersion":
			version = p.r.RequireString()
		case "findings":
			found = p.findings()
		case "unmatched":
			p.unmatched()
		case "coverage":
			p.coverage()
		default:
			p.r.Skip()
		}
	}
	if p.r.Err() != nil {
		return
	}
	switch {
	case version == "" && !found:
		p.wrong(ident.KindInvalid, "", "is no scan: it has neither a schemaVersion nor findings")
	case version != schemaVersion:
		p.wrong(ident.KindUnsupported, "/schemaVersion", "is a scan of schemaVersion %.20q, and this version reads %q", version, schemaVersion)
	case !found:
		p.wrong(ident.KindInvalid, "/findings", "the scan has no list of findings")
	}
}

// findings reports whether there is a list of them: null is none.
func (p *scanParser) findings() bool {
	if !p.r.RequireArray() {
		return false
	}
	for p.r.NextItem() {
		if len(p.out.Findings) == maxFindings {
			p.wrong(ident.KindLimit, "/findings", "the scan has more than %d findings", maxFindings)
			p.r.Skip()
			continue
		}
		p.finding("/findings/" + strconv.Itoa(len(p.out.Findings)))
	}
	return true
}

func (p *scanParser) finding(at string) {
	var f vuln.Finding
	var severity, document string
	kev, status := false, string(vuln.StatusAffected)
	for p.r.RequireObject(); ; {
		key, ok := p.r.NextKey()
		if !ok {
			break
		}
		switch string(key) {
		case "id":
			f.ID = p.r.RequireString()
		case "aliases":
			f.Aliases = p.texts()
		case "advisories":
			f.Advisories = p.texts()
		case "purl":
			f.PURL = p.r.RequireString()
		case "document":
			document = p.r.RequireString()
		case "file":
			f.File = p.r.RequireString()
		case "severity":
			severity = p.r.RequireString()
		case "kev":
			f.KEV, kev = p.r.Bool(), true
		case "epss":
			f.EPSS = p.probability(at + "/epss")
		case "fixed":
			f.Fixed = p.texts()
		case "status":
			status = p.r.RequireString()
		default:
			p.r.Skip()
		}
	}
	if p.r.Err() != nil {
		return
	}
	var ok bool
	if f.Severity, ok = ident.ParseSeverity(severity); !ok {
		p.wrong(ident.KindInvalid, at+"/severity", "%.40q is no severity", severity)
	}
	var err error
	if f.Document, err = ident.ParseDigest(document); err != nil {
		p.wrong(ident.KindInvalid, at+"/document", "the finding names no document by its digest, so nothing says where it runs")
	}
	switch {
	case f.ID == "":
		p.wrong(ident.KindInvalid, at+"/id", "the finding has no id")
	case !kev:
		p.wrong(ident.KindInvalid, at+"/kev", "the finding does not say whether it is known to be exploited")
	}
	switch f.Status = vuln.Status(status); f.Status {
	case vuln.StatusAffected, vuln.StatusNotAffected, vuln.StatusFixed, vuln.StatusUnderInvestigation:
	default:
		p.wrong(ident.KindInvalid, at+"/status", "%.40q is no status of a finding", status)
	}
	p.out.Findings = append(p.out.Findings, f)
}

// probability reads a score; nil for null, which says that there is none.
func (p *scanParser) probability(at string) *float64 {
	if p.r.Kind() == jsonscan.Null {
		p.r.Skip()
		return nil
	}
	v := p.r.Float()
	if v < 0 || v > 1 {
		p.wrong(ident.KindInvalid, at, "%g is no probability", v)
	}
	return &v
}

func (p *scanParser) texts() []string {
	var out []string
	if p.r.RequireArray() {
		for p.r.NextItem() {
			out = append(out, p.r.RequireString())
		}
	}
	return out
}

// unmatched keeps what an advisory speaks of: of the rest no finding could come.
func (p *scanParser) unmatched() {
	if !p.r.RequireArray() {
		return
	}
	for p.r.NextItem() {
		var u vuln.Unmatched
		var document string
		for p.r.RequireObject(); ; {
			key, ok := p.r.NextKey()
			if !ok {
				break
			}
			switch string(key) {
			case "document":
				document = p.r.RequireString()
			case "purl":
				u.PURL = p.r.RequireString()
			case "name":
				u.Name = p.r.RequireString()
			case "advisory":
				u.Advisory = p.r.RequireString()
			case "reason":
				u.Reason = p.r.RequireString()
			default:
				p.r.Skip()
			}
		}
		if p.r.Err() != nil {
			return
		}
		if u.Advisory == "" {
			continue
		}
		var err error
		if u.Document, err = ident.ParseDigest(document); err != nil {
			p.wrong(ident.KindInvalid, "/unmatched", "%.60s names no document by its digest", u.PURL)
		}
		if len(p.out.Undecided) == maxFindings {
			p.wrong(ident.KindLimit, "/unmatched", "the scan leaves more than %d components undecided", maxFindings)
			return
		}
		p.out.Undecided = append(p.out.Undecided, u)
	}
}

func (p *scanParser) coverage() {
	for p.r.RequireObject(); ; {
		key, ok := p.r.NextKey()
		if !ok {
			return
		}
		switch string(key) {
		case "advisoriesAsOf":
			p.out.AdvisoriesAsOf = p.r.RequireString()
		case "kevAsOf":
			p.out.KEVKnown = p.r.RequireString() != ""
		case "quarantined":
			p.out.Quarantined = int(p.r.Int())
		default:
			p.r.Skip()
		}
	}
}
