package cli

import "testing"

func TestSmallHeapsGrowToTheLeast(t *testing.T) {
	for live, want := range map[uint64]int{0: 1500, 1 << 20: 1500, 4 << 20: 1500, 16 << 20: 300, 32 << 20: 100, 48 << 20: 33, 64 << 20: 0, 1 << 40: 0} {
		if got := percentTo(64<<20, live); got != want {
			t.Errorf("from %d bytes: %d percent, want %d", live, got, want)
		}
	}
}
