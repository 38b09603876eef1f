"""How much CO2 a kilowatt-hour of electricity stands for, by country.

Grams of CO2-equivalent a kWh over the life cycle of the plants, means over a year, by Our World in Data and Ember
("Carbon intensity of electricity generation", CC BY 4.0,
https://ourworldindata.org/grapher/carbon-intensity-electricity), as the data of codecarbon 3.3.2 carries them. A mean
over a country and a year says little of one hour in one place.
"""

from __future__ import annotations

from dataclasses import dataclass

from registry.errors import did_you_mean

SOURCE = "Our World in Data and Ember"


@dataclass(frozen=True)
class Grid:
    """The electricity of a country.

    Attributes:
        code: Its code of two letters (ISO 3166-1), `WW` for the world.
        alpha_3: Its code of three letters.
        name: Its name in English.
        intensity: Grams of CO2-equivalent a kWh.
        year: The year of that average.
    """

    code: str
    alpha_3: str
    name: str
    intensity: int
    year: int


WORLD = Grid("WW", "WWW", "the world", 481, 2023)
"""The mean of the table, weighted by each country's generation (480.6)."""

GRIDS = (
    WORLD,
    Grid("AE", "ARE", "United Arab Emirates", 561, 2022),
    Grid("AF", "AFG", "Afghanistan", 133, 2022),
    Grid("AG", "ATG", "Antigua and Barbuda", 611, 2022),
    Grid("AL", "ALB", "Albania", 24, 2022),
    Grid("AM", "ARM", "Armenia", 265, 2022),
    Grid("AO", "AGO", "Angola", 175, 2022),
    Grid("AR", "ARG", "Argentina", 354, 2023),
    Grid("AS", "ASM", "American Samoa", 611, 2022),
    Grid("AT", "AUT", "Austria", 111, 2023),
    Grid("AU", "AUS", "Australia", 549, 2023),
    Grid("AW", "ABW", "Aruba", 561, 2022),
    Grid("AZ", "AZE", "Azerbaijan", 671, 2022),
    Grid("BA", "BIH", "Bosnia and Herzegovina", 600, 2023),
    Grid("BB", "BRB", "Barbados", 606, 2022),
    Grid("BD", "BGD", "Bangladesh", 691, 2023),
    Grid("BE", "BEL", "Belgium", 138, 2023),
    Grid("BF", "BFA", "Burkina Faso", 468, 2022),
    Grid("BG", "BGR", "Bulgaria", 335, 2023),
    Grid("BH", "BHR", "Bahrain", 905, 2022),
    Grid("BI", "BDI", "Burundi", 250, 2022),
    Grid("BJ", "BEN", "Benin", 584, 2022),
    Grid("BM", "BMU", "Bermuda", 651, 2022),
    Grid("BN", "BRN", "Brunei", 894, 2022),
    Grid("BO", "BOL", "Bolivia", 532, 2023),
    Grid("BR", "BRA", "Brazil", 98, 2023),
    Grid("BS", "BHS", "Bahamas", 660, 2022),
    Grid("BT", "BTN", "Bhutan", 23, 2022),
    Grid("BW", "BWA", "Botswana", 848, 2022),
    Grid("BY", "BLR", "Belarus", 442, 2022),
    Grid("BZ", "BLZ", "Belize", 226, 2022),
    Grid("CA", "CAN", "Canada", 170, 2023),
    Grid("CD", "COD", "Democratic Republic of Congo", 24, 2022),
    Grid("CF", "CAF", "Central African Republic", 0, 2022),
    Grid("CG", "COG", "Congo", 700, 2022),
    Grid("CH", "CHE", "Switzerland", 35, 2023),
    Grid("CI", "CIV", "Cote d'Ivoire", 394, 2022),
    Grid("CK", "COK", "Cook Islands", 250, 2022),
    Grid("CL", "CHL", "Chile", 291, 2023),
    Grid("CM", "CMR", "Cameroon", 305, 2022),
    Grid("CN", "CHN", "China", 582, 2023),
    Grid("CO", "COL", "Colombia", 260, 2023),
    Grid("CR", "CRI", "Costa Rica", 53, 2023),
    Grid("CU", "CUB", "Cuba", 638, 2022),
    Grid("CV", "CPV", "Cape Verde", 558, 2022),
    Grid("CY", "CYP", "Cyprus", 534, 2023),
    Grid("CZ", "CZE", "Czechia", 450, 2023),
    Grid("DE", "DEU", "Germany", 381, 2023),
    Grid("DJ", "DJI", "Djibouti", 692, 2022),
    Grid("DK", "DNK", "Denmark", 152, 2023),
    Grid("DM", "DMA", "Dominica", 529, 2022),
    Grid("DO", "DOM", "Dominican Republic", 581, 2022),
    Grid("DZ", "DZA", "Algeria", 635, 2022),
    Grid("EC", "ECU", "Ecuador", 150, 2023),
    Grid("EE", "EST", "Estonia", 417, 2023),
    Grid("EG", "EGY", "Egypt", 570, 2023),
    Grid("EH", "ESH", "Western Sahara", 667, 2009),
    Grid("ER", "ERI", "Eritrea", 632, 2022),
    Grid("ES", "ESP", "Spain", 174, 2023),
    Grid("ET", "ETH", "Ethiopia", 25, 2022),
    Grid("FI", "FIN", "Finland", 79, 2023),
    Grid("FJ", "FJI", "Fiji", 288, 2022),
    Grid("FK", "FLK", "Falkland Islands", 500, 2022),
    Grid("FO", "FRO", "Faroe Islands", 405, 2022),
    Grid("FR", "FRA", "France", 56, 2023),
    Grid("GA", "GAB", "Gabon", 492, 2022),
    Grid("GB", "GBR", "United Kingdom", 238, 2023),
    Grid("GD", "GRD", "Grenada", 640, 2022),
    Grid("GE", "GEO", "Georgia", 168, 2023),
    Grid("GF", "GUF", "French Guiana", 218, 2021),
    Grid("GH", "GHA", "Ghana", 484, 2022),
    Grid("GI", "GIB", "Gibraltar", 600, 2022),
    Grid("GL", "GRL", "Greenland", 179, 2022),
    Grid("GM", "GMB", "Gambia", 667, 2022),
    Grid("GN", "GIN", "Guinea", 237, 2022),
    Grid("GP", "GLP", "Guadeloupe", 500, 2021),
    Grid("GQ", "GNQ", "Equatorial Guinea", 592, 2022),
    Grid("GR", "GRC", "Greece", 337, 2023),
    Grid("GT", "GTM", "Guatemala", 328, 2022),
    Grid("GU", "GUM", "Guam", 623, 2022),
    Grid("GW", "GNB", "Guinea-Bissau", 625, 2022),
    Grid("GY", "GUY", "Guyana", 640, 2022),
    Grid("HK", "HKG", "Hong Kong", 699, 2022),
    Grid("HN", "HND", "Honduras", 282, 2022),
    Grid("HR", "HRV", "Croatia", 205, 2023),
    Grid("HT", "HTI", "Haiti", 567, 2022),
    Grid("HU", "HUN", "Hungary", 204, 2023),
    Grid("ID", "IDN", "Indonesia", 676, 2022),
    Grid("IE", "IRL", "Ireland", 291, 2023),
    Grid("IL", "ISR", "Israel", 583, 2022),
    Grid("IN", "IND", "India", 713, 2023),
    Grid("IQ", "IRQ", "Iraq", 689, 2022),
    Grid("IR", "IRN", "Iran", 655, 2023),
    Grid("IS", "ISL", "Iceland", 28, 2022),
    Grid("IT", "ITA", "Italy", 331, 2023),
    Grid("JM", "JAM", "Jamaica", 556, 2022),
    Grid("JO", "JOR", "Jordan", 541, 2022),
    Grid("JP", "JPN", "Japan", 485, 2023),
    Grid("KE", "KEN", "Kenya", 70, 2023),
    Grid("KG", "KGZ", "Kyrgyzstan", 147, 2022),
    Grid("KH", "KHM", "Cambodia", 418, 2022),
    Grid("KI", "KIR", "Kiribati", 667, 2022),
    Grid("KM", "COM", "Comoros", 643, 2022),
    Grid("KN", "KNA", "Saint Kitts and Nevis", 636, 2022),
    Grid("KP", "PRK", "North Korea", 390, 2022),
    Grid("KR", "KOR", "South Korea", 431, 2023),
    Grid("KW", "KWT", "Kuwait", 649, 2023),
    Grid("KY", "CYM", "Cayman Islands", 643, 2022),
    Grid("KZ", "KAZ", "Kazakhstan", 821, 2023),
    Grid("LA", "LAO", "Laos", 266, 2022),
    Grid("LB", "LBN", "Lebanon", 599, 2022),
    Grid("LC", "LCA", "Saint Lucia", 667, 2022),
    Grid("LK", "LKA", "Sri Lanka", 510, 2022),
    Grid("LR", "LBR", "Liberia", 228, 2022),
    Grid("LS", "LSO", "Lesotho", 20, 2022),
    Grid("LT", "LTU", "Lithuania", 160, 2023),
    Grid("LU", "LUX", "Luxembourg", 105, 2023),
    Grid("LV", "LVA", "Latvia", 123, 2023),
    Grid("LY", "LBY", "Libya", 819, 2022),
    Grid("MA", "MAR", "Morocco", 630, 2023),
    Grid("MD", "MDA", "Moldova", 643, 2023),
    Grid("ME", "MNE", "Montenegro", 417, 2023),
    Grid("MG", "MDG", "Madagascar", 436, 2022),
    Grid("MK", "MKD", "North Macedonia", 565, 2023),
    Grid("ML", "MLI", "Mali", 408, 2022),
    Grid("MM", "MMR", "Myanmar", 399, 2023),
    Grid("MN", "MNG", "Mongolia", 775, 2023),
    Grid("MO", "MAC", "Macao", 449, 2022),
    Grid("MQ", "MTQ", "Martinique", 523, 2021),
    Grid("MR", "MRT", "Mauritania", 465, 2022),
    Grid("MS", "MSR", "Montserrat", 1000, 2022),
    Grid("MT", "MLT", "Malta", 459, 2023),
    Grid("MU", "MUS", "Mauritius", 632, 2022),
    Grid("MV", "MDV", "Maldives", 612, 2022),
    Grid("MW", "MWI", "Malawi", 67, 2022),
    Grid("MX", "MEX", "Mexico", 507, 2023),
    Grid("MY", "MYS", "Malaysia", 606, 2022),
    Grid("MZ", "MOZ", "Mozambique", 136, 2022),
    Grid("NA", "NAM", "Namibia", 59, 2022),
    Grid("NC", "NCL", "New Caledonia", 661, 2022),
    Grid("NE", "NER", "Niger", 671, 2022),
    Grid("NG", "NGA", "Nigeria", 523, 2023),
    Grid("NI", "NIC", "Nicaragua", 265, 2022),
    Grid("NL", "NLD", "Netherlands", 268, 2023),
    Grid("NO", "NOR", "Norway", 30, 2023),
    Grid("NP", "NPL", "Nepal", 24, 2022),
    Grid("NR", "NRU", "Nauru", 750, 2022),
    Grid("NZ", "NZL", "New Zealand", 113, 2023),
    Grid("OM", "OMN", "Oman", 565, 2023),
    Grid("PA", "PAN", "Panama", 162, 2022),
    Grid("PE", "PER", "Peru", 266, 2023),
    Grid("PF", "PYF", "French Polynesia", 443, 2022),
    Grid("PG", "PNG", "Papua New Guinea", 507, 2022),
    Grid("PH", "PHL", "Philippines", 611, 2023),
    Grid("PK", "PAK", "Pakistan", 441, 2023),
    Grid("PL", "POL", "Poland", 662, 2023),
    Grid("PM", "SPM", "Saint Pierre and Miquelon", 600, 2022),
    Grid("PR", "PRI", "Puerto Rico", 679, 2022),
    Grid("PS", "PSE", "Palestine", 516, 2022),
    Grid("PT", "PRT", "Portugal", 166, 2023),
    Grid("PY", "PRY", "Paraguay", 24, 2023),
    Grid("QA", "QAT", "Qatar", 602, 2023),
    Grid("RE", "REU", "Reunion", 573, 2021),
    Grid("RO", "ROU", "Romania", 241, 2023),
    Grid("RS", "SRB", "Serbia", 636, 2023),
    Grid("RU", "RUS", "Russia", 441, 2023),
    Grid("RW", "RWA", "Rwanda", 316, 2022),
    Grid("SA", "SAU", "Saudi Arabia", 707, 2022),
    Grid("SB", "SLB", "Solomon Islands", 700, 2022),
    Grid("SC", "SYC", "Seychelles", 565, 2022),
    Grid("SD", "SDN", "Sudan", 263, 2022),
    Grid("SE", "SWE", "Sweden", 41, 2023),
    Grid("SG", "SGP", "Singapore", 471, 2023),
    Grid("SH", "SHN", "Saint Helena", 1000, 2022),
    Grid("SI", "SVN", "Slovenia", 231, 2023),
    Grid("SK", "SVK", "Slovakia", 117, 2023),
    Grid("SL", "SLE", "Sierra Leone", 50, 2022),
    Grid("SN", "SEN", "Senegal", 512, 2022),
    Grid("SO", "SOM", "Somalia", 579, 2022),
    Grid("SR", "SUR", "Suriname", 349, 2022),
    Grid("SS", "SSD", "South Sudan", 629, 2022),
    Grid("ST", "STP", "Sao Tome and Principe", 643, 2022),
    Grid("SV", "SLV", "El Salvador", 271, 2023),
    Grid("SY", "SYR", "Syria", 702, 2022),
    Grid("SZ", "SWZ", "Eswatini", 172, 2022),
    Grid("TC", "TCA", "Turks and Caicos Islands", 654, 2022),
    Grid("TD", "TCD", "Chad", 629, 2022),
    Grid("TG", "TGO", "Togo", 443, 2022),
    Grid("TH", "THA", "Thailand", 550, 2023),
    Grid("TJ", "TJK", "Tajikistan", 117, 2022),
    Grid("TL", "TLS", "East Timor", 667, 2022),
    Grid("TM", "TKM", "Turkmenistan", 1306, 2022),
    Grid("TN", "TUN", "Tunisia", 564, 2023),
    Grid("TO", "TON", "Tonga", 625, 2022),
    Grid("TR", "TUR", "Turkey", 465, 2023),
    Grid("TT", "TTO", "Trinidad and Tobago", 682, 2022),
    Grid("TW", "TWN", "Taiwan", 642, 2023),
    Grid("TZ", "TZA", "Tanzania", 339, 2022),
    Grid("UA", "UKR", "Ukraine", 260, 2022),
    Grid("UG", "UGA", "Uganda", 45, 2022),
    Grid("US", "USA", "United States", 369, 2023),
    Grid("UY", "URY", "Uruguay", 129, 2023),
    Grid("UZ", "UZB", "Uzbekistan", 1168, 2022),
    Grid("VC", "VCT", "Saint Vincent and the Grenadines", 529, 2022),
    Grid("VE", "VEN", "Venezuela", 186, 2022),
    Grid("VG", "VGB", "British Virgin Islands", 647, 2022),
    Grid("VI", "VIR", "United States Virgin Islands", 632, 2022),
    Grid("VN", "VNM", "Vietnam", 475, 2023),
    Grid("VU", "VUT", "Vanuatu", 571, 2022),
    Grid("WS", "WSM", "Samoa", 474, 2022),
    Grid("YE", "YEM", "Yemen", 566, 2022),
    Grid("ZA", "ZAF", "South Africa", 708, 2023),
    Grid("ZM", "ZMB", "Zambia", 112, 2022),
    Grid("ZW", "ZWE", "Zimbabwe", 298, 2022),
)

_NAMES = {name.casefold(): grid for grid in GRIDS for name in (grid.code, grid.alpha_3, grid.name)}


def grid_of(name: str) -> Grid:
    """The grid of a country, by either code or by its name.

    >>> grid_of("fr").intensity
    56

    Raises:
        ValueError: It is not known, with the nearest name.
    """
    try:
        return _NAMES[name.strip().casefold()]
    except KeyError:
        hint = did_you_mean(name, [grid.name for grid in GRIDS])
        raise ValueError(f"{name!r} is no country of registry/grid.py; {hint}") from None
