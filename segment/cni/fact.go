package cni

import (
	"cmp"
	"fmt"

	"github.com/cofferdam-io/cofferdam/segment"
)

// Version of a plugin; the zero value is an unknown one.
type Version struct{ Major, Minor int }

// Compare orders versions as cmp.Compare does.
func (v Version) Compare(o Version) int {
	return cmp.Or(cmp.Compare(v.Major, o.Major), cmp.Compare(v.Minor, o.Minor))
}

// String returns "1.19", "" for an unknown version, and for a version that is
// the date of a build only that.
func (v Version) String() string {
	switch {
	case v == Version{}:
		return ""
	case v.Major > firstDate:
		return fmt.Sprint(v.Major)
	}
	return fmt.Sprintf("%d.%d", v.Major, v.Minor)
}

// Switch is a field of segment.Profile that a fact speaks of.
type Switch string

// The switches, named as the fields are.
const (
	NetworkPolicy          Switch = "NetworkPolicy"
	ClusterNetworkPolicy   Switch = "ClusterNetworkPolicy"
	AdminNetworkPolicy     Switch = "AdminNetworkPolicy"
	CiliumNetworkPolicy    Switch = "CiliumNetworkPolicy"
	IPBlockMatchesPods     Switch = "IPBlockMatchesPods"
	IPBlockMatchesNodes    Switch = "IPBlockMatchesNodes" // the contrary of IPBlockSkipsNodes
	HostNetworkPoliced     Switch = "HostNetworkPoliced"
	BaselineDirectionBlind Switch = "BaselineDirectionBlind"
	AdminBeforeDenials     Switch = "AdminBeforeDenials"
	SidecarPortsUnnamed    Switch = "SidecarPortsUnnamed"
	PortNamesUnread        Switch = "PortNamesUnread"
	NodeToPodFree          Switch = "NodeToPodFree"
	PodToNodeFree          Switch = "PodToNodeFree"
	EstablishedCut         Switch = "EstablishedCut"
)

// Switches returns all of them, in the order of the table.
func Switches() []Switch {
	return []Switch{NetworkPolicy, ClusterNetworkPolicy, AdminNetworkPolicy, CiliumNetworkPolicy, IPBlockMatchesPods, IPBlockMatchesNodes,
		HostNetworkPoliced, BaselineDirectionBlind, AdminBeforeDenials, SidecarPortsUnnamed, PortNamesUnread, NodeToPodFree, PodToNodeFree, EstablishedCut}
}

// Fact is one thing that is known about a plugin.
type Fact struct {
	Plugin string
	Switch Switch
	Value  segment.Answer // Maybe: it depends on something that an input may show
	// Since is the first version that the fact holds for, Before the first that it
	// no longer holds for; zero for no bound.
	Since, Before Version
	Source        string // where it was read, a URL
	Read          string // the version or the date of what was read there
	Says          string // what it says, in our words
}

// holds reports whether the fact is about a version.
func (f *Fact) holds(v Version) bool {
	return v.Compare(f.Since) >= 0 && (f.Before == Version{} || v.Compare(f.Before) < 0)
}

// always reports whether the fact is about every version.
func (f *Fact) always() bool { return f.Since == Version{} && f.Before == Version{} }

// value is what the facts say of a switch at a version. Where the version is
// unknown, it is what they say of every version.
func value(facts []Fact, plugin string, s Switch, v Version) segment.Answer {
	out, found := segment.Maybe, false
	for i := range facts {
		f := &facts[i]
		if f.Plugin != plugin || f.Switch != s || !f.always() && (v == Version{} || !f.holds(v)) {
			continue
		}
		if found && out != f.Value {
			return segment.Maybe
		}
		out, found = f.Value, true
	}
	return out
}
