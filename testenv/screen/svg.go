package screen

import (
	"fmt"
	"html"
	"strings"

	"github.com/hinshun/vt10x"
)

// The size of a cell and of the frame around the screen, in the picture's units.
const (
	cellWidth  = 8.4
	cellHeight = 18
	frame      = 14
	bar        = 26
)

// Attributes of a glyph, as the emulator numbers them.
const (
	reversed = 1 << 0
	bold     = 1 << 2
)

// style is how a run of glyphs looks.
type style struct {
	fg, bg string
	bold   bool
}

// SVG is a picture of the screen as it is now, with a title above it.
func (s *Screen) SVG(title string) string {
	s.vt.Lock()
	defer s.vt.Unlock()
	columns, rows := s.vt.Size()
	width, height := float64(columns)*cellWidth+2*frame, float64(rows*cellHeight+frame+bar)
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %.0f %.0f" font-family="ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace" font-size="14">`+"\n", width, height)
	fmt.Fprintf(&b, `<title>%s</title><rect width="%.0f" height="%.0f" rx="8" fill="%s"/>`+"\n", html.EscapeString(title), width, height, background)
	fmt.Fprintf(&b, `<text x="%.1f" y="17" fill="#8b8b9a" text-anchor="middle">%s</text>`+"\n", width/2, html.EscapeString(title))
	for y := range rows {
		for x := 0; x < columns; {
			how, from := look(s.vt.Cell(x, y)), x
			var text strings.Builder
			for x < columns && look(s.vt.Cell(x, y)) == how {
				text.WriteRune(shown(s.vt.Cell(x, y).Char))
				x++
			}
			span(&b, how, text.String(), from, x, y)
		}
	}
	b.WriteString("</svg>\n")
	return b.String()
}

// span draws glyphs that look alike.
func span(b *strings.Builder, how style, text string, from, to, y int) {
	left, top := frame+float64(from)*cellWidth, float64(bar+y*cellHeight)
	if how.bg != background {
		fmt.Fprintf(b, `<rect x="%.1f" y="%.0f" width="%.1f" height="%d" fill="%s"/>`, left, top, float64(to-from)*cellWidth, cellHeight, how.bg)
	}
	if strings.TrimSpace(text) == "" {
		return
	}
	weight := ""
	if how.bold {
		weight = ` font-weight="bold"`
	}
	// The length is given, so that columns stay columns in any font.
	fmt.Fprintf(b, `<text x="%.1f" y="%.0f" fill="%s"%s textLength="%.1f" lengthAdjust="spacingAndGlyphs" xml:space="preserve">%s</text>`+"\n",
		left, top+cellHeight-5, how.fg, weight, float64(to-from)*cellWidth, html.EscapeString(text))
}

const (
	background = "#1b1b26"
	foreground = "#d5d5e0"
)

// look is how a glyph looks. The emulator has exchanged the colours of a reversed
// one already.
func look(g vt10x.Glyph) style {
	how := style{fg: colour(g.FG, foreground), bg: colour(g.BG, background), bold: g.Mode&bold != 0}
	if g.Mode&reversed != 0 && how.fg == foreground && how.bg == background {
		how.fg, how.bg = background, foreground
	}
	return how
}

// colour is a colour of the palette of 256 that terminals have, or one of 24 bits.
func colour(c vt10x.Color, normal string) string {
	switch {
	case c == vt10x.DefaultFG:
		return foreground
	case c == vt10x.DefaultBG:
		return background
	case c < 16:
		return [...]string{
			"#2b2b38", "#e06c75", "#98c379", "#e5c07b", "#61afef", "#c678dd", "#56b6c2", "#c8c8d4",
			"#6b6b7a", "#ff8088", "#b5e090", "#ffd890", "#80c4ff", "#dc98f0", "#70d0dc", "#ffffff",
		}[c]
	case c < 232:
		c -= 16
		level := func(n vt10x.Color) int { return [...]int{0, 95, 135, 175, 215, 255}[n] }
		return fmt.Sprintf("#%02x%02x%02x", level(c/36), level(c/6%6), level(c%6))
	case c < 256:
		grey := 8 + 10*(int(c)-232)
		return fmt.Sprintf("#%02x%02x%02x", grey, grey, grey)
	case c < 1<<24:
		return fmt.Sprintf("#%06x", uint32(c))
	}
	return normal
}
