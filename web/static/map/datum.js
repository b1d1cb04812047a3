// GCJ-02, the shifted datum of commercial maps. The same formula as server/domain/geo.py, which is tested:
// everything here is CGCS2000 but what is drawn over such a map.
const AXIS = 6378245, ECC = 0.006693421622965943, { PI, sin, cos, sqrt, abs } = Math;

const waves = (x) => (20 * sin(6 * x * PI) + 20 * sin(2 * x * PI)) * 2 / 3;

export function toGcj02(lon, lat) {
  if (lon < 72.004 || lon > 137.8347 || lat < 0.8293 || lat > 55.8271) return [lon, lat];
  const x = lon - 105, y = lat - 35;
  let north = -100 + 2 * x + 3 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * sqrt(abs(x)) + waves(x);
  north += (20 * sin(y * PI) + 40 * sin(y / 3 * PI)) * 2 / 3 + (160 * sin(y / 12 * PI) + 320 * sin(y * PI / 30)) * 2 / 3;
  let east = 300 + x + 2 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * sqrt(abs(x)) + waves(x);
  east += (20 * sin(x * PI) + 40 * sin(x / 3 * PI)) * 2 / 3 + (150 * sin(x / 12 * PI) + 300 * sin(x / 30 * PI)) * 2 / 3;
  const curve = 1 - ECC * sin(lat / 180 * PI) ** 2;
  return [lon + east * 180 / (AXIS / sqrt(curve) * cos(lat / 180 * PI) * PI),
    lat + north * 180 / (AXIS * (1 - ECC) / (curve * sqrt(curve)) * PI)];
}

export function fromGcj02(lon, lat) {
  let [x, y] = [lon, lat];
  for (let round = 0; round < 12; round += 1) {
    const [east, north] = toGcj02(x, y);
    x -= east - lon;
    y -= north - lat;
    if (abs(east - lon) < 1e-9 && abs(north - lat) < 1e-9) break;
  }
  return [x, y];
}

/** Between what is stored and what a base map has: `put` for drawing, `take` for what was pointed at. */
export function edge(datum) {
  return datum === "gcj02" ? { put: toGcj02, take: fromGcj02 } : { put: (x, y) => [x, y], take: (x, y) => [x, y] };
}

const EARTH = 6371008.8;

export function metres([lon1, lat1], [lon2, lat2]) {
  const rad = PI / 180, half = sin((lat2 - lat1) * rad / 2) ** 2
    + cos(lat1 * rad) * cos(lat2 * rad) * sin((lon2 - lon1) * rad / 2) ** 2;
  return 2 * EARTH * Math.asin(Math.min(1, sqrt(half)));
}
