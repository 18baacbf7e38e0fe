package synth

// dice is SplitMix64: the same numbers for a seed, whatever the Go release, so
// that an estate can be named by its configuration in a report.
type dice struct{ state uint64 }

// IntN returns a number from 0 up to n, which is small beside 2⁶⁴.
func (d *dice) IntN(n int) int {
	d.state += 0x9e3779b97f4a7c15
	z := d.state
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return int((z ^ z>>31) >> 1 % uint64(n)) //nolint:gosec // n is positive
}
