package manifest

import (
	"github.com/cofferdam-io/cofferdam/ident"
)

// Options of Decode. The zero value has the defaults.
type Options struct {
	// DefaultNamespace holds namespaced objects that name none (-n); "" is "default".
	DefaultNamespace string

	MaxBytes      int // of one input; 0: DefaultMaxBytes
	MaxDepth      int // of nesting in a document; 0: DefaultMaxDepth
	MaxDocuments  int // in one input; 0: DefaultMaxDocuments
	MaxAliasNodes int // values that the aliases of one document repeat; 0: DefaultMaxAliasNodes
}

// The default limits.
const (
	DefaultMaxBytes      = 512 << 20 // a dump of 50,000 pods is about a third of it
	DefaultMaxDepth      = 100       // the deepest built-in type, a CRD's schema aside, is below 30
	DefaultMaxDocuments  = 1_000_000 // one per object of the largest estates
	DefaultMaxAliasNodes = 1 << 18   // anchors share a few labels; a billion laughs are refused
)

type limits struct {
	bytes, depth, documents, aliasNodes int
}

func (o Options) limits() limits {
	or := func(v, def int) int {
		if v <= 0 {
			return def
		}
		return v
	}
	return limits{
		bytes:      or(o.MaxBytes, DefaultMaxBytes),
		depth:      or(o.MaxDepth, DefaultMaxDepth),
		documents:  or(o.MaxDocuments, DefaultMaxDocuments),
		aliasNodes: or(o.MaxAliasNodes, DefaultMaxAliasNodes),
	}
}

func (o Options) namespace() string {
	if o.DefaultNamespace == "" {
		return "default"
	}
	return o.DefaultNamespace
}

// parseError is why a document could not be read at all.
type parseError struct {
	line int // in the file
	err  *ident.Error
}
