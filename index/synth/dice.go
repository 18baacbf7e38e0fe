package synth

import "math"

// dice is a splitmix64 generator: small, seedable anywhere, and the same on
// every machine.
type dice struct{ state uint64 }

func (d *dice) next() uint64 {
	d.state += 0x9e3779b97f4a7c15
	return mix(d.state)
}

// mix scrambles a number: what is derived from a package's number alone is
// derived with it.
func mix(z uint64) uint64 {
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// below returns a number in [0, n).
func (d *dice) below(n int) int { return int(d.next() >> 1 % uint64(max(n, 1))) } //nolint:gosec // a small number

// unit returns a number in [0, 1).
func (d *dice) unit() float64 { return float64(d.next()>>11) / (1 << 53) }

// zipf returns a rank in [0, n) with the frequency of Zipf's law, exponent 1: the
// logarithm of a rank is as often in one place as in another.
func (d *dice) zipf(n int) int {
	return min(int(math.Pow(float64(n)+1, d.unit()))-1, n-1)
}
