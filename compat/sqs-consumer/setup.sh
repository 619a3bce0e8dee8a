bash ../_js/install.sh
