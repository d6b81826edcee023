// A verifier of the log that shares no line with ours: Go's own note and tlog packages (golang.org/x/mod/sumdb) read the log over HTTP,
// as C2SP tlog-tiles lays it out, and check signatures, tiles, entries and proofs. Cosignatures, which those packages do not know, are
// checked here after C2SP tlog-cosignature, with crypto/ed25519.
//
//	verifier -url http://recorder.example/log/<tenant> -key <vkey> [-witness <vkey>] <claims.json
//
// Prints one line for each thing that was checked; exit code 1 and a sentence where something does not hold.
package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// Claims are what our own code says, to be checked by others.
type Claims struct {
	Inclusion []struct {
		Index int64
		Entry []byte
		Proof [][]byte
	}
	Consistency []struct {
		First, Second         int64
		FirstRoot, SecondRoot []byte
		Proof                 [][]byte
	}
}

func main() {
	url := flag.String("url", "", "the log's prefix")
	vkey := flag.String("key", "", "the log's public key")
	witness := flag.String("witness", "", "a witness's public key")
	flag.Parse()
	if err := check(*url, *vkey, *witness, os.Stdin); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func check(url, vkey, witness string, in io.Reader) error {
	var claims Claims
	if err := json.NewDecoder(in).Decode(&claims); err != nil {
		return err
	}
	logKey, err := note.NewVerifier(vkey)
	if err != nil {
		return fmt.Errorf("the log's key: %v", err)
	}
	keys := []note.Verifier{logKey}
	if witness != "" {
		cosigner, err := newCosigner(witness)
		if err != nil {
			return err
		}
		keys = append(keys, cosigner)
	}

	text, err := get(url + "/checkpoint")
	if err != nil {
		return err
	}
	opened, err := note.Open(text, note.VerifierList(keys...))
	if err != nil {
		return fmt.Errorf("the checkpoint: %v", err)
	}
	if len(opened.Sigs) != len(keys) {
		return fmt.Errorf("the checkpoint has %d known signatures, not %d", len(opened.Sigs), len(keys))
	}
	tree, err := parseCheckpoint(opened.Text, logKey.Name())
	if err != nil {
		return err
	}
	fmt.Printf("checkpoint of %d entries, signed by %d\n", tree.N, len(opened.Sigs))

	// TileHashReader checks every tile that it reads against the root.
	reader := tlog.TileHashReader(tree, &tiles{url, map[tlog.Tile][]byte{}})
	root, err := tlog.TreeHash(tree.N, reader)
	if err != nil || root != tree.Hash {
		return fmt.Errorf("the root from the tiles is another one (%v)", err)
	}
	if err := checkEntries(url, tree, reader); err != nil {
		return err
	}
	fmt.Printf("%d entries are where the tree has them\n", tree.N)

	for _, claim := range claims.Inclusion {
		if err := tlog.CheckRecord(hashes(claim.Proof), tree.N, tree.Hash, claim.Index, tlog.RecordHash(claim.Entry)); err != nil {
			return fmt.Errorf("inclusion of %d: %v", claim.Index, err)
		}
		own, err := tlog.ProveRecord(tree.N, claim.Index, reader)
		if err != nil || !same(own, claim.Proof) {
			return fmt.Errorf("the proof of inclusion of %d is not the one that Go makes (%v)", claim.Index, err)
		}
	}
	fmt.Printf("%d proofs of inclusion\n", len(claims.Inclusion))
	for _, claim := range claims.Consistency {
		if err := tlog.CheckTree(hashes(claim.Proof), claim.Second, hash(claim.SecondRoot), claim.First, hash(claim.FirstRoot)); err != nil {
			return fmt.Errorf("consistency of %d with %d: %v", claim.First, claim.Second, err)
		}
		own, err := tlog.ProveTree(claim.Second, claim.First, reader)
		if err != nil || !same(own, claim.Proof) {
			return fmt.Errorf("the proof of consistency of %d with %d is not the one that Go makes (%v)", claim.First, claim.Second, err)
		}
	}
	fmt.Printf("%d proofs of consistency\n", len(claims.Consistency))
	return nil
}

func parseCheckpoint(text, origin string) (tlog.Tree, error) {
	lines := strings.SplitN(text, "\n", 4)
	if len(lines) != 4 || lines[0] != origin || lines[3] != "" {
		return tlog.Tree{}, fmt.Errorf("the checkpoint is not one of %s", origin)
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil {
		return tlog.Tree{}, err
	}
	root, err := tlog.ParseHash(lines[2])
	return tlog.Tree{N: size, Hash: root}, err
}

// checkEntries reads every bundle of entries and compares it with the tree's own leaves.
func checkEntries(url string, tree tlog.Tree, reader tlog.HashReader) error {
	for first := int64(0); first < tree.N; first += 256 {
		width := tree.N - first
		if width > 256 {
			width = 256
		}
		path := strings.TrimPrefix(tlog.Tile{H: 8, L: 0, N: first / 256, W: int(width)}.Path(), "tile/8/0/")
		bundle, err := get(url + "/tile/entries/" + path)
		if err != nil {
			return err
		}
		var places []int64
		for index := first; index < first+width; index++ {
			places = append(places, tlog.StoredHashIndex(0, index))
		}
		leaves, err := reader.ReadHashes(places)
		if err != nil {
			return err
		}
		for index := first; index < first+width; index++ {
			if len(bundle) < 2 || len(bundle) < 2+int(binary.BigEndian.Uint16(bundle)) {
				return fmt.Errorf("the bundle of entry %d ends too early", index)
			}
			length := int(binary.BigEndian.Uint16(bundle))
			entry := bundle[2 : 2+length]
			bundle = bundle[2+length:]
			if leaves[index-first] != tlog.RecordHash(entry) {
				return fmt.Errorf("entry %d is not the one in the tree", index)
			}
		}
		if len(bundle) != 0 {
			return fmt.Errorf("the bundle at entry %d has more than its entries", first)
		}
	}
	return nil
}

// tiles reads the log's tiles, each once: saved are those that were found good. C2SP leaves the height out of their paths: it is always 8.
type tiles struct {
	url   string
	saved map[tlog.Tile][]byte
}

func (t *tiles) Height() int { return 8 }

func (t *tiles) ReadTiles(wanted []tlog.Tile) ([][]byte, error) {
	var data [][]byte
	for _, tile := range wanted {
		bytes, isSaved := t.saved[tile]
		if !isSaved {
			var err error
			if bytes, err = get(t.url + "/tile/" + strings.TrimPrefix(tile.Path(), "tile/8/")); err != nil {
				return nil, err
			}
		}
		data = append(data, bytes)
	}
	return data, nil
}

func (t *tiles) SaveTiles(good []tlog.Tile, data [][]byte) {
	for i, tile := range good {
		t.saved[tile] = data[i]
	}
}

// cosigner verifies the signatures of one witness: a time, and Ed25519 over it and the whole checkpoint.
type cosigner struct {
	name string
	id   uint32
	key  ed25519.PublicKey
}

func newCosigner(vkey string) (*cosigner, error) {
	parts := strings.SplitN(vkey, "+", 3)
	if len(parts) != 3 {
		return nil, fmt.Errorf("the witness's key is none")
	}
	material, err := base64.StdEncoding.DecodeString(parts[2])
	if err != nil || len(material) != 1+ed25519.PublicKeySize || material[0] != 4 {
		return nil, fmt.Errorf("the witness's key is not one for cosignatures (%v)", err)
	}
	digest := sha256.Sum256(append([]byte(parts[0]+"\n"), material...))
	id := binary.BigEndian.Uint32(digest[:])
	if fmt.Sprintf("%08x", id) != parts[1] {
		return nil, fmt.Errorf("the witness's key does not belong to its own hash")
	}
	return &cosigner{parts[0], id, material[1:]}, nil
}

func (c *cosigner) Name() string    { return c.name }
func (c *cosigner) KeyHash() uint32 { return c.id }

func (c *cosigner) Verify(text, sig []byte) bool {
	if len(sig) != 8+ed25519.SignatureSize {
		return false
	}
	message := append([]byte(fmt.Sprintf("cosignature/v1\ntime %d\n", binary.BigEndian.Uint64(sig))), text...)
	return ed25519.Verify(c.key, message, sig[8:])
}

func get(url string) ([]byte, error) {
	response, err := http.Get(url)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", url, response.Status)
	}
	return body, err
}

func hash(b []byte) (h tlog.Hash) {
	copy(h[:], b)
	return h
}

func hashes(list [][]byte) (all []tlog.Hash) {
	for _, b := range list {
		all = append(all, hash(b))
	}
	return all
}

func same(own []tlog.Hash, ours [][]byte) bool {
	if len(own) != len(ours) {
		return false
	}
	for i := range own {
		if !bytes.Equal(own[i][:], ours[i]) {
			return false
		}
	}
	return true
}
