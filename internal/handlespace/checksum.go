package handlespace

import rserpool "github.com/rspool/rspool"

// handleSum is the sum of the 16-bit words of a handle, padded with zeros.
func handleSum(h rserpool.Handle) uint64 {
	var sum uint64
	for i := 0; i < len(h); i++ {
		if i%2 == 0 {
			sum += uint64(h[i]) << 8
		} else {
			sum += uint64(h[i])
		}
	}
	return sum
}

// sum is what the element adds to its owner's checksum: its handle and identifier
// (RFC 5353, Section 3.6.2). The sum of many is kept unfolded, so that
// subtracting is exact; 64 bits suffice for any number of elements.
func (e *Entry) sum() uint64 {
	id := uint64(e.element.ID)
	return e.pool.sum + id>>16 + id&0xffff
}

// Checksum returns the PE checksum over all elements that a registrar owns
// (RFC 5353, Section 3.6.2). Without any it is 0xffff.
func (s *Space) Checksum(id rserpool.RegistrarID) uint16 {
	var sum uint64
	if o := s.owners[id]; o != nil {
		sum = o.sum
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}
