package segment

import "sync"

// compiler is what Build needs and queries do not. The newest graph of a line of
// Apply calls owns it, and Apply hands it on.
type compiler struct {
	mu         sync.Mutex
	newest     *Graph
	projection *projection
	atoms      *atoms
	specs      map[string]int // key of a port list → index
	buf        []byte
}
