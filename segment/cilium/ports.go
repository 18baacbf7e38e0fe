package cilium

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/cofferdam-io/cofferdam/estate/manifest/ciliumv2"
	"github.com/cofferdam-io/cofferdam/segment"
)

const maxPort = 65535

// portSet is the layer-4 part of a rule: the ports that it matches for certain,
// and those on which something else decides too.
type portSet struct {
	all     bool // no port is named
	certain []segment.PortMatch
	doubted []doubtedPorts
	doubt   string // about the whole rule
}

type doubtedPorts struct {
	ports  []segment.PortMatch
	reason string
}

// seen says what beside the port decides about traffic on it, "" if nothing does.
func seen(p *ciliumv2.PortRule) string {
	switch {
	case len(p.ServerNames) > 0:
		return "the TLS server name decides, which is not modelled"
	case given(p.Listener):
		return "a proxy's own listener decides, which is not modelled"
	case p.Rules == nil:
		return ""
	case len(p.Rules.DNS) > 0:
		for _, n := range p.Rules.DNS {
			if n.MatchPattern == "*" {
				return "" // every name
			}
		}
		return "the name that is asked for decides, which is not modelled"
	case len(p.Rules.HTTP) > 0:
		for _, h := range p.Rules.HTTP {
			if string(h) == "{}" {
				return "" // every request
			}
		}
		return "the HTTP request decides, which is not modelled"
	case len(p.Rules.Kafka) > 0:
		return "the Kafka request decides, which is not modelled"
	case p.Rules.L7Proto != "" || len(p.Rules.L7) > 0:
		return "a rule of layer 7 decides, which is not modelled"
	}
	return ""
}

// given reports whether an optional member is there.
func given(raw []byte) bool { return len(raw) > 0 && string(raw) != "null" }

// filter reads what a rule says beside its peers.
func (t *translation) filter(path string, f *ciliumv2.Filter, isDeny bool) (*portSet, error) {
	set := &portSet{all: len(f.ToPorts) == 0}
	if len(f.ICMPs) > 0 {
		if len(f.ToPorts) > 0 {
			return nil, fmt.Errorf("%s has icmps beside toPorts, which Cilium refuses", path)
		}
		set.all = false // ICMP only, which carries no connections
	}
	if a := f.Authentication; a != nil && a.Mode != "disabled" {
		set.doubt = "mutual authentication decides, which is not modelled"
	}
	for i := range f.ToPorts {
		p := &f.ToPorts[i]
		at := fmt.Sprintf("%s.toPorts[%d]", path, i)
		var ports []segment.PortMatch
		for j := range p.Ports {
			ms, err := portMatches(fmt.Sprintf("%s.ports[%d]", at, j), &p.Ports[j])
			if err != nil {
				return nil, err
			}
			ports = append(ports, ms...)
		}
		reason := seen(p)
		if len(p.Ports) == 0 {
			ports, reason = every(), "what a rule for ports without ports means depends on the version of Cilium"
		}
		switch {
		case reason == "":
			set.certain = append(set.certain, ports...)
		case isDeny:
			return nil, fmt.Errorf("%s looks into connections, which a denial cannot", at)
		default:
			set.doubted = append(set.doubted, doubtedPorts{ports, reason})
		}
	}
	return set, nil
}

func every() []segment.PortMatch {
	return []segment.PortMatch{{Protocol: segment.TCP, From: 1, To: maxPort}, {Protocol: segment.UDP, From: 1, To: maxPort}, {Protocol: segment.SCTP, From: 1, To: maxPort}}
}

// portMatches reads one port, which is several matches where the protocol is ANY.
func portMatches(path string, p *ciliumv2.Port) ([]segment.PortMatch, error) {
	var protocols []segment.Protocol
	switch strings.ToUpper(p.Protocol) {
	case "", "ANY":
		protocols = []segment.Protocol{segment.TCP, segment.UDP, segment.SCTP}
	case "ICMP", "ICMPV6", "VRRP", "IGMP":
		return nil, nil // no connections
	default:
		proto, ok := segment.ParseProtocol(strings.ToUpper(p.Protocol))
		if !ok {
			return nil, fmt.Errorf("%s.protocol %.20q is none of TCP, UDP, SCTP, ANY", path, p.Protocol)
		}
		protocols = []segment.Protocol{proto}
	}
	n, err := strconv.ParseUint(p.Port, 0, 16)
	if err != nil && p.Port != "" {
		if p.EndPort != 0 || strings.Trim(p.Port, "0123456789") == "" {
			return nil, fmt.Errorf("%s.port %.40q is not a port number within 0–%d", path, p.Port, maxPort)
		}
		m := segment.PortMatch{Name: strings.ToLower(p.Port), Protocol: protocols[0], AnyProtocol: len(protocols) > 1}
		return []segment.PortMatch{m}, nil
	}
	from, to := int32(n), int32(n) //nolint:gosec // 16 bits
	switch {
	case p.EndPort < 0 || p.EndPort > maxPort || p.EndPort != 0 && p.EndPort < from:
		return nil, fmt.Errorf("%s.endPort %d is not within %d–%d", path, p.EndPort, from, maxPort)
	case from == 0 && p.EndPort != 0:
		return nil, fmt.Errorf("%s has endPort without port", path)
	case from == 0:
		from, to = 1, maxPort
	case p.EndPort != 0:
		to = p.EndPort
	}
	var out []segment.PortMatch
	for _, proto := range protocols {
		out = append(out, segment.PortMatch{Protocol: proto, From: uint16(from), To: uint16(to)}) //nolint:gosec // checked above
	}
	return out, nil
}

// rules joins the layers: a rule for what is certain, and one for each doubt.
func (s *portSet) rules(peers *peerSet, like segment.Rule) []segment.Rule {
	var out []segment.Rule
	if s.all || len(s.certain) > 0 {
		out = appendRule(out, peers, like, s.all, s.certain, s.doubt)
	}
	return append(out, s.doubts(peers, like)...)
}

// doubts are the rules for what something else decides too.
func (s *portSet) doubts(peers *peerSet, like segment.Rule) []segment.Rule {
	var out []segment.Rule
	for _, d := range s.doubted {
		out = appendRule(out, peers, like, false, d.ports, d.reason)
	}
	return out
}

// appendRule appends a rule, if it names somebody or something, and ports that
// carry connections.
func appendRule(out []segment.Rule, peers *peerSet, r segment.Rule, all bool, ports []segment.PortMatch, doubt string) []segment.Rule {
	if !peers.any && len(peers.peers) == 0 || peers.any && all || !all && len(ports) == 0 {
		return out
	}
	r.Ports, r.Peers = ports, peers.peers
	if doubt != "" {
		r.Peers = inDoubt(peers, doubt)
	}
	return append(out, r)
}

// inDoubt returns the peers, each of them in doubt.
func inDoubt(set *peerSet, doubt string) []segment.Peer {
	if set.any {
		return []segment.Peer{{Kind: segment.PeerAny, Doubt: doubt}}
	}
	out := make([]segment.Peer, len(set.peers))
	for i, p := range set.peers {
		if p.Doubt == "" {
			p.Doubt = doubt
		}
		out[i] = p
	}
	return out
}
