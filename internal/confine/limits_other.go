//go:build !linux

package confine

// confineSelf leaves the limits to the child's own watch and to its parent's clock.
func confineSelf(uint64) error { return nil }
