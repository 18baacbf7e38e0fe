//go:build unix && !linux && !darwin

package app

// rssUnit is the unit of ru_maxrss, in bytes (getrusage(2)).
const rssUnit = 1024
