package predicate

// Release says of which release of a package artifacts are (in-toto release v0.1, v0.2).
type Release struct {
	PURL      string
	PackageID string // stable across releases; v0.1 calls it releaseId
}

func (p *Release) lacks() string {
	if p.PURL == "" {
		return "purl"
	}
	return ""
}

func (p *Release) read(r *reading) {
	r.members(func(name string) {
		switch name {
		case "purl":
			p.PURL = r.text()
		case "packageId", "releaseId":
			p.PackageID = r.text()
		}
	})
}
