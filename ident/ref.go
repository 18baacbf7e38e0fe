package ident

import (
	"cmp"
	"net/netip"
	"strings"
)

// Ref names one end of a connection: a workload (or pod), or a range of
// addresses. It is the REF of the command-line contract:
// {"cluster"?,"namespace","name","kind"} or {"cidr"}.
// Refs are comparable and are used as map keys.
type Ref struct {
	Cluster   string `json:"cluster,omitempty"`
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name,omitempty"`
	Kind      string `json:"kind,omitempty"`
	CIDR      string `json:"cidr,omitempty"`
}

// Internet is the word for every address outside the estate.
const Internet = "internet"

// IsCIDR reports whether r names addresses and not a workload.
func (r Ref) IsCIDR() bool { return r.CIDR != "" }

// IsZero reports whether r names nothing.
func (r Ref) IsZero() bool { return r == Ref{} }

// String returns the shortest form that the command line reads back:
// "[cluster:]ns/Kind/name", or the CIDR.
func (r Ref) String() string {
	if r.CIDR != "" {
		return r.CIDR
	}
	s := r.Namespace + "/" + r.Name
	if r.Kind != "" {
		s = r.Namespace + "/" + r.Kind + "/" + r.Name
	}
	if r.Cluster != "" {
		s = r.Cluster + ":" + s
	}
	return s
}

// Short returns "ns/name" without cluster and kind, or the CIDR: what tables show.
func (r Ref) Short() string {
	if r.CIDR != "" {
		return r.CIDR
	}
	return r.Namespace + "/" + r.Name
}

// Compare orders refs by cluster, namespace, name, kind, then CIDR; workloads
// come before addresses.
func (r Ref) Compare(o Ref) int {
	return cmp.Or(
		cmp.Compare(boolInt(r.IsCIDR()), boolInt(o.IsCIDR())),
		cmp.Compare(r.Cluster, o.Cluster),
		cmp.Compare(r.Namespace, o.Namespace),
		cmp.Compare(r.Name, o.Name),
		cmp.Compare(r.Kind, o.Kind),
		cmp.Compare(r.CIDR, o.CIDR),
	)
}

// Matches reports whether a reference as a user typed it (fields may be empty)
// means o. An empty cluster or kind matches any.
func (r Ref) Matches(o Ref) bool {
	if r.IsCIDR() || o.IsCIDR() {
		return r.CIDR == o.CIDR
	}
	return r.Namespace == o.Namespace && r.Name == o.Name &&
		(r.Kind == "" || strings.EqualFold(r.Kind, o.Kind)) &&
		(r.Cluster == "" || r.Cluster == o.Cluster)
}

// ParseRef reads "[cluster:]ns/name", "[cluster:]ns/Kind/name", an address, a
// CIDR, or "internet" (which becomes CIDR "internet"). An address becomes a
// prefix of full length; a CIDR is masked.
func ParseRef(s string) (Ref, error) {
	if s == Internet {
		return Ref{CIDR: Internet}, nil
	}
	if p, err := netip.ParsePrefix(s); err == nil {
		return Ref{CIDR: p.Masked().String()}, nil
	}
	if a, err := netip.ParseAddr(s); err == nil {
		if a.Zone() != "" {
			return Ref{}, Errorf(KindUsage, "%q: an address with a zone names no endpoint", clip(s))
		}
		a = a.Unmap()
		return Ref{CIDR: netip.PrefixFrom(a, a.BitLen()).String()}, nil
	}
	if addr, _, ok := strings.Cut(s, "/"); ok {
		if _, err := netip.ParseAddr(addr); err == nil {
			return Ref{}, Errorf(KindUsage, "%q is not a CIDR", clip(s)).
				WithHint("a prefix of IPv4 is 0 to 32 bits long, of IPv6 0 to 128")
		}
	}
	rest := s
	var r Ref
	if c, after, ok := strings.Cut(rest, ":"); ok && !strings.Contains(c, "/") {
		r.Cluster, rest = c, after
	}
	parts := strings.Split(rest, "/")
	for _, p := range parts {
		if !validName(p) {
			parts = nil
			break
		}
	}
	switch {
	case len(parts) == 2 && (r.Cluster == "" && rest == s || validName(r.Cluster)):
		r.Namespace, r.Name = parts[0], parts[1]
	case len(parts) == 3 && (r.Cluster == "" && rest == s || validName(r.Cluster)):
		r.Namespace, r.Kind, r.Name = parts[0], parts[1], parts[2]
	default:
		return Ref{}, Errorf(KindUsage, "%q names no workload and no address", clip(s)).
			WithHint("write ns/name, ns/Kind/name, an address, a CIDR, or the word internet")
	}
	return r, nil
}

// validName accepts the characters of object names (RFC 1123 subdomains) and,
// for clusters and kinds, capitals and underscores.
func validName(s string) bool {
	for i := 0; i < len(s); i++ {
		if c := s[i]; !isAlnum(c) && c != '-' && c != '.' && c != '_' {
			return false
		}
	}
	return s != ""
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}
