//go:build !linux

package secondopinion

import "testing"

func TestRealPackets(t *testing.T) {
	t.Skip("network namespaces and the packet queue are Linux's")
}

func TestPlansOnRealPackets(t *testing.T) {
	t.Skip("network namespaces and the packet queue are Linux's")
}

func TestPlansCutOpenConnections(t *testing.T) {
	t.Skip("network namespaces and the packet queue are Linux's")
}
