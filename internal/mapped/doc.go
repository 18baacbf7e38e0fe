// Package mapped is memory outside of the collected heap, for inputs of many megabytes:
// beside 256 MB that it counts as alive, the collector lets as much rubbish gather. Such
// memory is gone as soon as it is given back, and parts of it before. There is none where
// the system has no mmap(2).
package mapped
