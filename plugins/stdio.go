package plugins

import (
	"io"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/types/known/emptypb"
)

// readStdio takes up what a plugin that is written with the Go library prints: the
// library redirects its standard files to a stream, and blocks where nobody reads
// it. Plugins in other languages have no such stream.
func (s *session) readStdio() {
	stream, err := s.conn.NewStream(s.ctx, &grpc.StreamDesc{ServerStreams: true}, "/plugin.GRPCStdio/StreamStdio")
	if err != nil || stream.SendMsg(&emptypb.Empty{}) != nil || stream.CloseSend() != nil {
		return
	}
	r, w := io.Pipe()
	defer func() { _ = w.Close() }()
	s.work.Go(func() { s.output.read(r) })
	for {
		// The message has a channel in field 1 and the bytes in field 2. As an
		// Empty, it is kept as unknown fields.
		var m emptypb.Empty
		if stream.RecvMsg(&m) != nil {
			return
		}
		for b := m.ProtoReflect().GetUnknown(); len(b) > 0; {
			number, kind, n := protowire.ConsumeField(b)
			if n < 0 {
				break
			}
			if number == 2 && kind == protowire.BytesType {
				_, _, tag := protowire.ConsumeTag(b)
				if data, n := protowire.ConsumeBytes(b[tag:]); n >= 0 {
					_, _ = w.Write(data) // read until the end
				}
			}
			b = b[n:]
		}
	}
}
