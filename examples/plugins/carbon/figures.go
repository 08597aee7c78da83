package main

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
)

// maxZones bounds what is read.
const maxZones = 10_000

// read returns the figures of a file by zone.
func read(file string) (map[string]float64, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // only read
	r := csv.NewReader(f)
	r.FieldsPerRecord, r.Comment, r.TrimLeadingSpace = 2, '#', true
	figures := map[string]float64{}
	for {
		record, err := r.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		line, _ := r.FieldPos(0)
		v, err := strconv.ParseFloat(strings.TrimSpace(record[1]), 64)
		if err != nil || !(v >= 0) || math.IsInf(v, 0) {
			return nil, fmt.Errorf("%s, line %d: %q is no figure", file, line, record[1])
		}
		if figures[record[0]] = v; len(figures) > maxZones {
			return nil, fmt.Errorf("%s has more than %d zones", file, maxZones)
		}
	}
	if len(figures) == 0 {
		return nil, fmt.Errorf("%s has no figures", file)
	}
	return figures, nil
}

// shares returns the figures as shares of the highest, and their median.
func shares(figures map[string]float64) (map[string]float64, float64) {
	highest := 0.0
	for _, v := range figures {
		highest = max(highest, v)
	}
	if highest == 0 {
		highest = 1
	}
	s := make(map[string]float64, len(figures))
	all := make([]float64, 0, len(figures))
	for zone, v := range figures {
		s[zone] = v / highest
		all = append(all, v/highest)
	}
	slices.Sort(all)
	return s, all[len(all)/2]
}
