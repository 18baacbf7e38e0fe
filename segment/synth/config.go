package synth

import (
	"slices"

	"github.com/cofferdam-io/cofferdam/ident"
)

// Mix is the shape of an estate's policies.
type Mix string

// The mixes.
const (
	// Rich: of the namespaces 60 % deny ingress by default, 20 % both directions
	// and 20 % are open; about one policy for each workload, of eight shapes, with
	// selectors of every operator, address blocks with exceptions, port ranges and
	// named ports.
	Rich Mix = "rich"
	// Open: policies that let much in, and no default deny.
	Open Mix = "open"
	// None: no policies.
	None Mix = "none"
	// Tiered: rich, and ClusterNetworkPolicies in the Admin and Baseline tiers.
	Tiered Mix = "tiered"
	// Scale: the shape of the scale tests of the Kubernetes network policy
	// community, "port+range+pod-selector+CIDR": one workload selected by each
	// policy, peers by label in three namespaces listed by name, a port, a range
	// of ports and a block of addresses.
	Scale Mix = "scale"
)

// Mixes returns every mix.
func Mixes() []Mix { return []Mix{Rich, Open, None, Tiered, Scale} }

// perNamespace is how many workloads share a namespace.
const perNamespace = 20

// Config says what to make.
type Config struct {
	Pods      int // at least Workloads: every workload has one or more
	Workloads int
	Policies  int // NetworkPolicies; the tiered mix adds to them
	Nodes     int // that the pods run on; 0: it is not known where they run
	Mix       Mix
	Seed      uint64
}

// Check says what is wrong with a configuration.
func (c *Config) Check() error {
	const (
		most      = 10_000_000
		mostNodes = 1 << 20 // addresses of 172.16.0.0/12
	)
	switch {
	case !slices.Contains(Mixes(), c.Mix):
		return ident.Errorf(ident.KindUsage, "--mix is %q", c.Mix).WithHint("one of: rich, open, none, tiered, scale")
	case c.Workloads < 1 || c.Workloads > most:
		return ident.Errorf(ident.KindUsage, "%d workloads are not between 1 and %d", c.Workloads, most)
	case c.Pods < c.Workloads || c.Pods > most:
		return ident.Errorf(ident.KindUsage, "%d pods are not between the %d workloads and %d", c.Pods, c.Workloads, most)
	case c.Nodes < 0 || c.Nodes > mostNodes:
		return ident.Errorf(ident.KindUsage, "%d nodes are not between 0 and %d", c.Nodes, mostNodes)
	case c.Policies < 0 || c.Policies > most:
		return ident.Errorf(ident.KindUsage, "%d policies are not between 0 and %d", c.Policies, most)
	}
	return nil
}
