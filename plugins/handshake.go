package plugins

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	goplugin "github.com/hashicorp/go-plugin"

	"github.com/rspool/rspool/plugins/protocol"
)

// maxHandshake is the longest first line; a certificate makes most of it.
const maxHandshake = 16 << 10

// handshakeError says what is wrong with the line by which a plugin reports.
type handshakeError struct{ problem, remedy string }

func (e *handshakeError) Error() string { return e.problem }

// readHandshake reads the line by which a plugin tells that it is ready,
// core|protocol|network|address|grpc|certificate, and checks all of it here: the
// plugin library would dial wherever the line says, and falls over a certificate
// that nobody asked for.
func readHandshake(b *bufio.Reader, folder string, mtls bool) (string, error) {
	part, err := b.ReadSlice('\n')
	line := strings.TrimSpace(string(part))
	switch {
	case err == io.EOF && line == "":
		return "", &handshakeError{"it ended before it was ready", ""}
	case err != nil:
		return "", &handshakeError{fmt.Sprintf("it wrote %.80q to its standard output, which is no line of the plugin protocol", line), "nothing may be printed there before sdk.Serve"}
	}
	fields := strings.Split(line, "|")
	if len(fields) < 5 {
		return "", &handshakeError{
			fmt.Sprintf("it wrote %.80q to its standard output instead of the line of the plugin protocol", line),
			"is it a policy plugin? If so, nothing may be printed there before sdk.Serve",
		}
	}
	if fields[0] != fmt.Sprint(goplugin.CoreProtocolVersion) || fields[1] != fmt.Sprint(protocol.Version) {
		return "", &handshakeError{
			fmt.Sprintf("it speaks version %.10q.%.10q of the plugin protocol, the host %d.%d", fields[0], fields[1], goplugin.CoreProtocolVersion, protocol.Version),
			"build it with the sdk of this release",
		}
	}
	if fields[4] != string(goplugin.ProtocolGRPC) {
		return "", &handshakeError{fmt.Sprintf("it offers %.20q, not grpc", fields[4]), "build it with the sdk"}
	}
	if fields[2] != "unix" || !within(fields[3], folder) {
		return "", &handshakeError{
			fmt.Sprintf("it listens at %.10q %.100q, not at a socket in the folder it was given", fields[2], fields[3]),
			"use the folder in PLUGIN_UNIX_SOCKET_DIR",
		}
	}
	certificate := len(fields) > 5 && len(fields[5]) > 50 // as the library sees it
	switch {
	case mtls && !certificate:
		return "", &handshakeError{"it brought no certificate", "if its language cannot, set auto_mtls = false in its block"}
	case !mtls && certificate:
		return "", &handshakeError{"it brought a certificate though none was asked for", "remove auto_mtls = false from its block"}
	}
	return line, nil
}

// within reports whether the path is that of a socket in the folder.
func within(path, folder string) bool {
	if filepath.Dir(path) != filepath.Clean(folder) {
		return false
	}
	info, err := os.Lstat(path)
	return err == nil && info.Mode().Type() == os.ModeSocket
}
