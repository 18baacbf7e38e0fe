//go:build unix && !linux

package mapped

func fewerPages([]byte) {}
